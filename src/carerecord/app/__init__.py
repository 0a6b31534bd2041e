"""The front gate: who is at home here, on which engines, and how each is reached. The only floor that reads the
environment, starts processes and knows whether a neighbour lives in this process or across the cluster."""
