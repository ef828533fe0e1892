//! Where the time comes from.

use std::{fmt, time::Duration};

use orrery_host_abi::{TimeDuration, Timestamp};

/// The clock that functions see, and by which scheduled ones run.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// For how long to wait, at most, before asking again whether it is `until` yet. Zero if it is.
    fn wait_for(&self, until: Timestamp) -> Duration;
}

/// The clock of the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// The clock may be set while somebody waits, and it goes on while the machine sleeps: nobody waits for longer than
/// this without looking at it again.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn wait_for(&self, until: Timestamp) -> Duration {
        let TimeDuration(micros) = until.saturating_since(self.now());
        Duration::from_micros(u64::try_from(micros).unwrap_or(0)).min(LOOK_AGAIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_never_negative_and_never_long() {
        let now = Timestamp::now();
        assert_eq!(SystemClock.wait_for(Timestamp(i64::MIN)), Duration::ZERO);
        assert_eq!(SystemClock.wait_for(now), Duration::ZERO);
        assert_eq!(SystemClock.wait_for(Timestamp(i64::MAX)), LOOK_AGAIN);
        let soon = SystemClock.wait_for(now.saturating_add(Duration::from_secs(30).into()));
        assert!(soon <= Duration::from_secs(30));
    }
}
