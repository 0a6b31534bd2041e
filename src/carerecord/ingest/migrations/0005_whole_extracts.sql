-- What rows of extracts said: so that an extract that holds everything can be held against those before it.
CREATE INDEX statement_of_rows ON statement (organisation, thread) WHERE trigger = 'row';
CREATE INDEX message_of_ends ON message (sender, id) WHERE trigger = 'ROW^END';
