SELECT * FROM person
SELECT id, name FROM person WHERE age > 7 AND NOT is_here ORDER BY name DESC LIMIT 3 OFFSET 1
SELECT p.id, n.* FROM person AS p JOIN note AS n ON n.person = p.id WHERE p.id <> 5
SELECT count(*) AS many, sum(age), min(height), max(name), avg(age) FROM person GROUP BY kind
SELECT kind, count(*) AS many FROM person GROUP BY kind ORDER BY many
SELECT * FROM person WHERE id IN (1, 2, 3) OR name LIKE 'person 1%' OR age IS NULL
SELECT * FROM person WHERE height BETWEEN 0.5 AND 1e3 AND kind = 'private'
SELECT * FROM note WHERE owner = :sender AND content = 0x010101
SELECT * FROM note WHERE owner = 0x0101010101010101010101010101010101010101010101010101010101010101
SELECT * FROM wide WHERE big = -170141183460469231731687303715884105728 OR real < -1.5
SELECT * FROM st_table; SELECT * FROM st_var
INSERT INTO person (id, name, age, height, is_here, kind) VALUES (77, 'Ada', 36, 1.7, true, 'business')
INSERT INTO note VALUES (99, 1, :sender, 0xff, 0), (100, 2, :sender, X'00', -5)
UPDATE person SET age = 9, name = 'it''s' WHERE id = 3
DELETE FROM note WHERE person = 2; DELETE FROM wide
SET row_limit = 10; SHOW row_limit
SELECT "id" FROM "person" WHERE ((((id = 1))) AND true) -- with a comment
