-- The systems of the numbers that anybody bears: few, and only ever added to. Who asks by another has misspelt it.
CREATE TABLE domain (
    system text PRIMARY KEY
);
INSERT INTO domain (system)
SELECT DISTINCT told.identifier ->> 'system'
  FROM patient
 CROSS JOIN LATERAL jsonb_array_elements(convert_from(stated, 'UTF8')::jsonb -> 'identifiers') AS told (identifier)
 WHERE told.identifier ->> 'system' <> '';
