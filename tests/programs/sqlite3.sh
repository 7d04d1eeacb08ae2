#!/usr/bin/env bash
# needs: sqlite3
set -e
cat >work.sql <<'END'
CREATE TABLE author(id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE book(id INTEGER PRIMARY KEY, author INTEGER, title TEXT, price REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
  INSERT INTO author SELECT i, 'author ' || (i * 7919 % 1009) FROM n;
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
  INSERT INTO book SELECT i, i * 31 % 1000 + 1, 'title ' || hex(i * 65537), i % 97 / 4.0 FROM n;
COMMIT;
CREATE INDEX by_author ON book(author);
CREATE INDEX by_title ON book(title);
SELECT count(*), sum(price), max(title) FROM book;
SELECT a.name, count(*), round(avg(b.price), 4) FROM author a JOIN book b ON b.author = a.id
  GROUP BY a.name ORDER BY 2 DESC, 1 LIMIT 20;
SELECT count(*) FROM book x JOIN book y ON x.author = y.author AND x.id < y.id WHERE x.price = 3.25;
UPDATE book SET title = upper(title) || '!' WHERE id % 3 = 0;
DELETE FROM book WHERE id % 7 = 0;
SELECT title FROM book ORDER BY title DESC LIMIT 20;
SELECT group_concat(title, '/') FROM (SELECT title FROM book ORDER BY id LIMIT 2000);
PRAGMA integrity_check;
END
sqlite3 :memory: <work.sql
sqlite3 work.db <work.sql
sqlite3 work.db .dump | cksum
