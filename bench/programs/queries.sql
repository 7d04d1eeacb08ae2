-- Inserts, an index, joins, groups, updates and deletes in memory. :rows is the amount of work.
PRAGMA temp_store = memory;
CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, city TEXT, born INTEGER);
CREATE TABLE visit (id INTEGER PRIMARY KEY, person INTEGER, place TEXT, note TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)
INSERT INTO person SELECT i, 'person ' || (i * 7919 % 100003), 'city ' || (i % 97), 1900 + i % 120 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3 * :rows)
INSERT INTO visit
SELECT i, i * 31 % :rows + 1, 'place ' || (i % 1009),
       substr('a note that is long enough to spill over', 1 + i % 30)
FROM n;
CREATE INDEX visit_person ON visit (person);
CREATE INDEX person_name ON person (name);
SELECT city, count(*), avg(born), group_concat(place, ',')
FROM person JOIN visit ON visit.person = person.id WHERE person.id % 5 = 0
GROUP BY city ORDER BY 2, 1 LIMIT 3;
SELECT count(*) FROM (SELECT DISTINCT place, note FROM visit);
SELECT a.name, count(*) FROM person a JOIN person b ON a.name = b.name
GROUP BY a.name ORDER BY 2 DESC, 1 LIMIT 3;
UPDATE person SET name = name || ' the younger' WHERE id % 3 = 0;
DELETE FROM visit WHERE id % 4 = 0;
SELECT count(*), max(length(name)) FROM person JOIN visit ON visit.person = person.id;
