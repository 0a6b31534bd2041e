-- The role of those at its organisation on whose behalf a client asks for people's records; '' is none: it may ask for none.
ALTER TABLE client ADD COLUMN acts_for text NOT NULL DEFAULT '';
