// Reads user ids, one a line, from standard input and prints the rollout bucket of each.
//
// The application puts a user into a bucket by hashing the id as Java hashes a string: with
// 32-bit overflow, over the UTF-16 code units, and without the sign.

const { readFileSync } = require("node:fs");

function bucket(userId) {
  let hash = 0;
  for (let index = 0; index < userId.length; index += 1) {
    hash = ((hash << 5) - hash + userId.charCodeAt(index)) | 0;
  }
  return Math.abs(hash) % 100;
}

const ids = readFileSync(0, "utf8").split("\n").filter(Boolean);
process.stdout.write(ids.map((id) => `${bucket(id)}\n`).join(""));
