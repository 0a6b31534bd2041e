-- Who was called restricted before that was kept beside what they state. By itself, since it goes through everybody.
UPDATE patient
   SET restricted = true, restricted_told = nextval('restricted_told')
 WHERE NOT restricted AND position('"restricted":true'::bytea IN stated) > 0;
