//! Access tokens: which ones exist, and until when each is valid.
//!
//! A token is opaque and starts with `TOKENMARKER-`, so that a test can search for tokens in places where none may
//! appear. The log shows a token's generation (the first token has generation 1) instead of its text.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::sandbox::account::rng::RandomTable;

/// The prefix of every token.
pub const MARKER: &str = "TOKENMARKER-";

/// The state of a token at a given time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// The token is accepted. The number is its generation.
    Valid(u64),
    /// The token was accepted earlier and has expired. The number is its generation.
    Expired(u64),
    /// The server never issued this token.
    Unknown,
}

/// The tokens that the server has issued.
#[derive(Debug)]
pub struct IssuedTokens {
    dice: RandomTable,
    ttl: Duration,
    new_cancels_older: bool,
    issued: u64,
    known: HashMap<String, (u64, Instant)>,
}

impl IssuedTokens {
    /// Returns a store without tokens. `ttl` is the lifetime of each token. If `new_cancels_older` is set, a new
    /// token makes the older ones expire.
    pub fn new(seed: u64, ttl: Duration, new_cancels_older: bool) -> IssuedTokens {
        IssuedTokens {
            dice: RandomTable::new(seed).named("tokens"),
            ttl,
            new_cancels_older,
            issued: 0,
            known: HashMap::new(),
        }
    }

    /// Issues a token. Returns its text and its lifetime in seconds, rounded up.
    pub fn issue(&mut self, now: Instant) -> (String, u64) {
        if self.new_cancels_older {
            self.known.values_mut().for_each(|(_, end)| *end = now.min(*end));
        }
        self.issued += 1;
        let dice = self.dice.at(self.issued);
        let text = format!("{MARKER}{:016x}{:016x}", dice.at(1).bits(), dice.at(2).bits());
        self.known.insert(text.clone(), (self.issued, now + self.ttl));
        (text, self.ttl.as_secs() + u64::from(self.ttl.subsec_nanos() > 0))
    }

    /// Returns the number of tokens issued.
    pub fn issued(&self) -> u64 {
        self.issued
    }

    /// Returns the state of the token in an `Authorization` header. The prefix `Bearer ` may be missing.
    pub fn standing(&self, authorization: Option<&str>, now: Instant) -> TokenState {
        match self.known.get(bare(authorization.unwrap_or_default())) {
            Some((generation, end)) if now < *end => TokenState::Valid(*generation),
            Some((generation, _)) => TokenState::Expired(*generation),
            None => TokenState::Unknown,
        }
    }

    /// Makes the token in an `Authorization` header expire now.
    pub fn expire(&mut self, authorization: Option<&str>, now: Instant) {
        if let Some((_, end)) = self.known.get_mut(bare(authorization.unwrap_or_default())) {
            *end = now.min(*end);
        }
    }
}

fn bare(authorization: &str) -> &str {
    authorization.strip_prefix("Bearer ").unwrap_or(authorization).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lives_as_long_as_it_says() {
        let now = Instant::now();
        let mut tokens = IssuedTokens::new(7, Duration::from_millis(1500), false);
        let (text, seconds) = tokens.issue(now);
        assert!(text.starts_with(MARKER));
        assert_eq!(seconds, 2);
        let header = format!("Bearer {text}");
        assert_eq!(tokens.standing(Some(&header), now), TokenState::Valid(1));
        assert_eq!(tokens.standing(Some(&text), now), TokenState::Valid(1));
        assert_eq!(tokens.standing(Some(&header), now + Duration::from_millis(1500)), TokenState::Expired(1));
        assert_eq!(tokens.standing(Some("Bearer x"), now), TokenState::Unknown);
        assert_eq!(tokens.standing(None, now), TokenState::Unknown);
        tokens.expire(Some(&header), now);
        assert_eq!(tokens.standing(Some(&header), now), TokenState::Expired(1));
    }

    #[test]
    fn a_new_token_cancels_the_older_one_only_when_asked_to() {
        let now = Instant::now();
        for cancels in [true, false] {
            let mut tokens = IssuedTokens::new(7, Duration::from_secs(60), cancels);
            let (first, _) = tokens.issue(now);
            let (second, _) = tokens.issue(now);
            assert_ne!(first, second);
            assert_eq!(tokens.standing(Some(&second), now), TokenState::Valid(2));
            let expected = if cancels { TokenState::Expired(1) } else { TokenState::Valid(1) };
            assert_eq!(tokens.standing(Some(&first), now), expected);
        }
    }
}
