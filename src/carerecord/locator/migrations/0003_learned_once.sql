-- What a source answered was kept under the id that was opened, beside the pointer of its enrolment under the id of that very entry.
-- Told of it is the entry's own pointer from now on: the doubles go, and with them pointers to another's entry, where two people
-- who were one when opened have been parted since. What they said is learned again by the next answer.
DELETE FROM pointer AS learned
 USING pointer AS enrolled
 WHERE learned.enrolled_at IS NULL
   AND enrolled.enrolled_at IS NOT NULL
   AND (enrolled.source, enrolled.local_id) = (learned.source, learned.local_id);
