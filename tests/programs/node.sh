#!/usr/bin/env bash
# needs: node
set -e
cat >work.js <<'END'
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const zlib = require('zlib'), crypto = require('crypto');
function work(seed) {
  const m = new Map();
  let x = seed;
  for (let i = 0; i < 50000; i++) {
    x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff;
    m.set('k' + x % 2003, (m.get('k' + x % 2003) || '') + i % 10);
  }
  return crypto.createHash('sha256').update(JSON.stringify([...m].sort())).digest('hex');
}
if (!isMainThread) {
  parentPort.postMessage(work(workerData));
} else {
  const text = Array.from({ length: 50000 }, (_, i) => `line ${i * 7919 % 10007}`).join('\n');
  const packed = zlib.deflateSync(text);
  console.log(text.length, zlib.inflateSync(packed).toString() === text, (text.match(/line \d*7$/gm) || []).length);
  const buffers = Array.from({ length: 200 }, (_, i) => Buffer.alloc(10000 + i * 100, i));
  console.log(crypto.createHash('md5').update(Buffer.concat(buffers)).digest('hex'));
  const done = [1, 2].map((s) => new Promise((ok) => new Worker(__filename, { workerData: s }).on('message', ok)));
  Promise.all(done).then((r) => console.log(r.join(' ')));
}
END
node work.js
