// The library's own random numbers, to the bit: from a seed and a count, as chance.py draws them.
//
// NumPy's SeedSequence makes a key of the seed; Philox, a counter that is stirred ten times, makes numbers
// of the key. The counter says what they are for and for which step or epoch, so that nothing is remembered.

const [WEIGHTS, ORDER, STEP] = [0, 1, 2];

class Chance {
  constructor(seed) {
    const key = keyOf(BigInt(seed));
    // each round has a key of its own
    this.keys = Array.from({ length: 10 }, (_, round) => [
      low64(key[0] + BigInt(round) * 0x9E3779B97F4A7C15n),
      low64(key[1] + BigInt(round) * 0xBB67AE8584CAA73Bn),
    ]);
  }

  // A generator at the start of the stretch for this purpose and count.
  at(purpose, count) {
    return new Generator(this.keys, BigInt(count), BigInt(purpose));
  }
}

class Generator {
  constructor(keys, count, purpose) {
    Object.assign(this, { keys, count, purpose, blocks: 0n, words: [], half: null });
  }

  word64() {
    if (!this.words.length) {
      this.blocks += 1n;
      this.words = philox([this.blocks, this.count, this.purpose, 0n], this.keys).reverse();
    }
    return this.words.pop();
  }

  // Half a word: first the low one, and the next time the high one.
  word32() {
    const high = this.half;
    if (high !== null) {
      this.half = null;
      return high;
    }
    const word = this.word64();
    this.half = Number(word >> 32n);
    return Number(word & 0xFFFFFFFFn);
  }

  // From 0 to below 1, of 53 bits.
  random() {
    return Number(this.word64() >> 11n) / 2 ** 53;
  }

  // The same of 24 bits, as for NumPy's float32.
  random32() {
    return (this.word32() >>> 8) / 2 ** 24;
  }

  uniform(low, high) {
    return low + (high - low) * this.random();
  }

  // A whole number from 0 to most, each as likely as the others: as many bits as it has, until they fit.
  upTo(most) {
    const unused = Math.clz32(most);
    let number;
    do {
      number = (this.word32() << unused) >>> unused;
    } while (number > most);
    return number;
  }

  // The numbers 0 ... n - 1 in a random order.
  permutation(n) {
    const order = Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.upTo(i);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }
}

function low64(number) {
  return BigInt.asUintN(64, number);
}

// Ten rounds of Philox4x64 (Salmon, Moraes, Dror, Shaw, 2011).
function philox([a, b, c, d], keys) {
  for (const [first, second] of keys) {
    const left = a * 0xD2E7470EE14C6C93n, right = c * 0xCA5A826395121157n;
    [a, b, c, d] = [(right >> 64n) ^ b ^ first, low64(right), (left >> 64n) ^ d ^ second, low64(left)];
  }
  return [a, b, c, d];
}

// The two words of 64 bits that NumPy's SeedSequence(seed).generate_state(2, uint64) gives.
function keyOf(seed) {
  const hash = hashing(0x43B0D7E5, 0x931E8875);
  const pool = [0n, 32n, 64n, 96n].map((shift) => hash(Number((seed >> shift) & 0xFFFFFFFFn)));
  for (let from = 0; from < 4; from++) {
    for (let to = 0; to < 4; to++) {
      if (from !== to) {
        pool[to] = folded(Math.imul(0xCA01F9DD, pool[to]) - Math.imul(0x4973F715, hash(pool[from])));
      }
    }
  }
  const [a, b, c, d] = pool.map(hashing(0x8B51F9DD, 0x58F38DED)).map(BigInt);
  return [a | (b << 32n), c | (d << 32n)];
}

// A function that hashes words of 32 bits, one after the other, each with a constant of its own.
function hashing(constant, factor) {
  return (word) => {
    const mixed = word ^ constant;
    constant = Math.imul(constant, factor);
    return folded(Math.imul(mixed, constant));
  };
}

function folded(word) {
  return (word ^ (word >>> 16)) >>> 0;
}
