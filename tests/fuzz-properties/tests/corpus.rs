//! The committed corpus, as it is and spoiled, put through the properties without a fuzzer.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a corpus that cannot be read is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};

use fuzz_properties::TARGETS;

/// Spoiled forms of each input that are tried.
const SPOILED: u64 = 200;
/// Bytes that mean something to the formats.
const TELLING: &[u8] = b"\0\n\"\\{}[]:,@-.09aZ\x7f\x80\xc0\xff";

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut inputs: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    assert!(inputs.len() >= 10, "{} holds {} inputs", folder.display(), inputs.len());
    inputs.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Each target's corpus: seeds that reach every branch, and whatever was once a finding.
#[test]
fn every_property_holds_for_the_corpus() {
    for (name, target) in TARGETS {
        for (path, bytes) in corpus(name) {
            let held = std::panic::catch_unwind(|| target(&bytes));
            assert!(held.is_ok(), "a property does not hold for {}", path.display());
        }
    }
}

/// A fuzzer in small, the same at every run: it does not look where the code goes, but it needs no tool either.
#[test]
fn every_property_holds_for_the_corpus_spoiled() {
    for (name, target) in TARGETS {
        let inputs = corpus(name);
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for (path, bytes) in &inputs {
            for _ in 0..SPOILED {
                let other = &inputs[random.below(inputs.len())].1;
                let spoiled = spoil(bytes.clone(), other, &mut random);
                let held = std::panic::catch_unwind(|| target(&spoiled));
                assert!(
                    held.is_ok(),
                    "a property does not hold for {}, spoiled: {spoiled:?}",
                    path.display()
                );
            }
        }
    }
}

/// Some changes at some places, and now and then the rest of another input.
fn spoil(mut bytes: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(5) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = TELLING[random.below(TELLING.len())],
            2 => bytes.insert(at, TELLING[random.below(TELLING.len())]),
            3 => drop(bytes.drain(at..(at + random.below(16)).min(bytes.len()))),
            _ => {
                bytes.truncate(at);
                bytes.extend_from_slice(&other[random.below(other.len() + 1)..]);
            }
        }
    }
    bytes
}

/// Marsaglia's xorshift: numbers that are the same at every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end.max(1)).unwrap_or(1)).unwrap_or_default()
    }
}
