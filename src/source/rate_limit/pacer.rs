//! Connects `governor` to tokio's clock and to the state that all processes of a key share.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use tokio::time::Instant;

use super::window::BudgetWindow;

/// Returns a duration in nanoseconds.
pub fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

/// Tokio's clock for governor. Also knows the wall-clock moment at which it started.
#[derive(Clone)]
pub struct Clock {
    origin: Instant,
    origin_wall: u64,
}

impl Clock {
    /// Creates a clock that starts now.
    pub fn new() -> Clock {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Clock { origin: Instant::now(), origin_wall: nanos(wall) }
    }

    /// Returns the time in nanoseconds since 1970.
    pub fn wall(&self) -> u64 {
        self.origin_wall + nanos(self.origin.elapsed())
    }
}

impl governor::clock::Clock for Clock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(nanos(self.origin.elapsed()))
    }
}

/// Governor's state, kept in the shared window. Governor counts time from its own start, the window from 1970.
pub struct InWindow {
    window: Arc<BudgetWindow>,
    clock: Clock,
    start: u64,
}

impl InWindow {
    /// Creates the state of a governor that starts now.
    pub fn new(window: Arc<BudgetWindow>, clock: Clock) -> InWindow {
        let start = clock.wall();
        InWindow { window, clock, start }
    }
}

impl StateStore for InWindow {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, f: F) -> std::result::Result<T, E>
    where
        F: Fn(Option<Nanos>) -> std::result::Result<(T, Nanos), E>,
    {
        self.window.update(self.clock.wall(), |shared| {
            let before = shared.theoretical_arrival.checked_sub(self.start).map(Nanos::from);
            let (result, after) = f(before)?;
            shared.theoretical_arrival = self.start + after.as_u64();
            Ok(result)
        })
    }
}
