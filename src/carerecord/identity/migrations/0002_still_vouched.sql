-- What a provider gave to ask it again with, sealed with a key of ours; NULL where it gave none. Cleared when it can no longer be used.
ALTER TABLE session ADD COLUMN refresh bytea;
-- When the provider last vouched for the user.
ALTER TABLE session ADD COLUMN vouched_at timestamptz NOT NULL DEFAULT now();

CREATE INDEX session_to_ask_again ON session (vouched_at) WHERE refresh IS NOT NULL;
