-- A sign-in under way. The state itself is never stored, only its hash; nonce and PKCE verifier are made from it.
CREATE TABLE sign_in (
    state_hash   bytea       PRIMARY KEY,
    provider     text        NOT NULL,
    issuer       text        NOT NULL,
    redirect_uri text        NOT NULL,
    after        text        NOT NULL,
    began_at     timestamptz NOT NULL
);

CREATE INDEX sign_in_began_at ON sign_in (began_at);

-- A signed-in user. A thief of this table has no session: the id that the browser holds is stored only as its SHA-256.
CREATE TABLE session (
    id_hash  bytea       PRIMARY KEY,
    provider text        NOT NULL,
    issuer   text        NOT NULL,
    subject  text        NOT NULL,
    name     text        NOT NULL,
    acr      text        NOT NULL,
    roles    jsonb       NOT NULL,
    role     text,                  -- the chosen one; NULL until it is chosen
    home     text        NOT NULL,  -- the origin where this user reaches us
    sid      text        NOT NULL,  -- the provider's id of its own session; '' when it told none
    began_at timestamptz NOT NULL,
    used_at  timestamptz NOT NULL,
    ends_at  timestamptz NOT NULL
);

CREATE INDEX session_subject ON session (issuer, subject);
CREATE INDEX session_ends_at ON session (ends_at);
