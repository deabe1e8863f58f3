//! Keeps a valid access token. Each token has a *generation*, and a caller that meets an expired token reports its
//! generation. Only if that is still the newest, one caller requests a new token while the others wait for it. So a
//! hundred requests that meet `TOKEN_EXPIRED` together cause one `generateOAuthToken`.
//!
//! A token is also renewed before it expires: 5 % of its lifetime earlier, but at most 60 s. In the usual case, no
//! request is then spent on finding out that it has expired.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::envelope::Granted;
use crate::error::Result;
use crate::number;
use crate::secret::Secret;

/// The longest lifetime of a token: one hour (documented). The server may state a shorter one. A longer one is not
/// used, because the unit of the server's number is not documented.
const LONGEST_LIFE: Duration = Duration::from_secs(3600);
/// The shortest lifetime that is used. A smaller number means something else, and using it would cost a token for
/// each request.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);
const LONGEST_MARGIN: Duration = Duration::from_secs(60);

/// A token and its generation.
#[derive(Clone)]
pub struct Token {
    /// The generation, counted from 1.
    pub generation: u64,
    /// The token itself, for the `Authorization` header.
    pub secret: Arc<Secret>,
}

/// How long a token lives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lifetime {
    /// The lifetime that the server stated, in seconds, or `None` if it stated none.
    pub said: Option<f64>,
    /// The lifetime that is used.
    pub taken: Duration,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    lifetime: Option<Lifetime>,
    made: Option<Instant>,
    renew_at: Option<Instant>,
    generations: u64,
}

/// Holds the current access token and renews it.
#[derive(Default)]
pub struct Tokens {
    state: Mutex<State>,
    renewing: tokio::sync::Mutex<()>,
}

impl Tokens {
    /// Returns the current token. If there is none, or it is about to expire, calls `generate` for a new one. Of
    /// several callers, one generates and the others wait. Fails only if `generate` does.
    pub async fn current<F, R>(&self, generate: F) -> Result<Token>
    where
        F: FnOnce() -> R,
        R: Future<Output = Result<Granted>>,
    {
        if let Some(token) = self.valid() {
            return Ok(token);
        }
        let _one_at_a_time = self.renewing.lock().await;
        if let Some(token) = self.valid() {
            return Ok(token);
        }
        let asked = Instant::now();
        let granted = generate().await?;
        Ok(self.accept(granted, asked))
    }

    /// Drops the token of this generation, because the server refused it. The refusal of an older token is ignored.
    pub fn refused(&self, generation: u64) {
        let mut state = self.lock();
        if state.generations == generation {
            state.token = None;
        }
    }

    /// Returns whether the token of this generation is the newest. The refusal of an older one is already dealt with.
    pub fn is_newest(&self, generation: u64) -> bool {
        self.lock().generations == generation
    }

    /// Returns how many tokens were generated.
    pub fn generations(&self) -> u64 {
        self.lock().generations
    }

    /// Returns the age of the latest token, or `None` before the first one.
    pub fn age(&self) -> Option<Duration> {
        self.lock().made.map(|m| m.elapsed())
    }

    /// Returns the lifetime of the latest token, or `None` before the first one.
    pub fn lifetime(&self) -> Option<Lifetime> {
        self.lock().lifetime
    }

    fn valid(&self) -> Option<Token> {
        let state = self.lock();
        let in_time = state.renew_at.is_some_and(|at| Instant::now() < at);
        state.token.clone().filter(|_| in_time)
    }

    fn accept(&self, granted: Granted, asked: Instant) -> Token {
        let life = life(granted.expires_in);
        let margin = (life / 20).min(LONGEST_MARGIN);
        let mut state = self.lock();
        state.generations += 1;
        let token = Token { generation: state.generations, secret: Arc::new(Secret::new(granted.access_token)) };
        state.token = Some(token.clone());
        state.made = Some(asked);
        state.lifetime = Some(Lifetime { said: granted.expires_in, taken: life });
        state.renew_at = Some(asked + life.saturating_sub(margin));
        token
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn life(expires_in: Option<f64>) -> Duration {
    expires_in
        .and_then(|said| number::seconds(said, LONGEST_LIFE))
        .filter(|life| *life >= SHORTEST_LIFE)
        .unwrap_or(LONGEST_LIFE)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    async fn token(tokens: &Tokens, made: &AtomicU64, life: Option<f64>) -> u64 {
        let generate = || async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let n = made.fetch_add(1, Ordering::SeqCst);
            Ok(Granted { access_token: format!("t{n}"), expires_in: life })
        };
        tokens.current(generate).await.expect("token").generation
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_that_meet_an_expired_token_cause_one_renewal() {
        let (tokens, made) = (Arc::new(Tokens::default()), Arc::new(AtomicU64::new(0)));
        assert_eq!(token(&tokens, &made, None).await, 1);
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let (tokens, made) = (tokens.clone(), made.clone());
            all.spawn(async move {
                tokens.refused(1);
                token(&tokens, &made, None).await
            });
        }
        assert!(all.join_all().await.iter().all(|g| *g == 2));
        assert_eq!(made.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_before_its_end_by_five_percent_and_at_most_a_minute() {
        for (life, just_before, after) in [(Some(2.0), 1.84, 1.91), (Some(1e9), 3539.0, 3541.0), (None, 3539.0, 3541.0)]
            .into_iter()
            .chain([0.0, -1.0, 1e-300, 0.5, 1e300, f64::NAN, f64::INFINITY].map(|n| (Some(n), 3539.0, 3541.0)))
        {
            let (tokens, made) = (Tokens::default(), AtomicU64::new(0));
            let start = Instant::now();
            token(&tokens, &made, life).await;
            tokio::time::sleep_until(start + Duration::from_secs_f64(just_before)).await;
            assert_eq!(token(&tokens, &made, life).await, 1, "{life:?}");
            tokio::time::sleep_until(start + Duration::from_secs_f64(after)).await;
            assert_eq!(token(&tokens, &made, life).await, 2, "{life:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_refusal_of_an_older_token_is_old_news() {
        let (tokens, made) = (Tokens::default(), AtomicU64::new(0));
        token(&tokens, &made, None).await;
        tokens.refused(1);
        token(&tokens, &made, None).await;
        tokens.refused(1);
        assert_eq!(token(&tokens, &made, None).await, 2);
        assert!(tokens.is_newest(2) && !tokens.is_newest(1));
    }
}
