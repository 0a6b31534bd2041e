"""Knowledge of FHIR R4 and UK Core, pure: it can be read on a train and does no input or output."""
