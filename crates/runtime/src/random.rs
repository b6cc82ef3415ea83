//! Randomness, for secrets and for spreading retries. The only place that draws any.

use rand::RngExt;

/// Characters of a token: 32 of a 62-letter alphabet are 190 bits.
const TOKEN_LENGTH: usize = 32;

/// A secret of letters and digits.
pub fn token() -> String {
    generator().sample_iter(rand::distr::Alphanumeric).take(TOKEN_LENGTH).map(char::from).collect()
}

/// A number from 0 up to and without 1, for jitter.
pub fn fraction() -> f64 {
    generator().random()
}

fn generator() -> rand::rngs::ThreadRng {
    #[expect(clippy::disallowed_methods, reason = "the one place that draws randomness")]
    rand::rng()
}
