//! Which accounts are used: all alike, or a few most of the time.

use orrery_tests::random::Random;

/// Draws numbers from 0, the first of them most often.
#[derive(Clone)]
pub(crate) struct Zipf {
    /// The share of all draws that fall on each number or one before it.
    cumulated: Vec<f64>,
}

impl Zipf {
    /// `exponent` 0 draws all of the `count` numbers equally often.
    pub(crate) fn new(count: u32, exponent: f64) -> Self {
        let mut sum = 0.0;
        let mut cumulated: Vec<f64> = Vec::with_capacity(count as usize);
        for rank in 1..=count {
            sum += f64::from(rank).powf(-exponent);
            cumulated.push(sum);
        }
        cumulated.iter_mut().for_each(|share| *share /= sum);
        Self { cumulated }
    }

    /// Two different numbers: a transfer from an account to itself would be no work.
    pub(crate) fn draw_pair(&self, random: &mut Random) -> (u32, u32) {
        loop {
            let (from, to) = (self.draw(random), self.draw(random));
            if from != to {
                return (from, to);
            }
        }
    }

    /// The next number.
    fn draw(&self, random: &mut Random) -> u32 {
        let point = (random.number() >> 11) as f64 / (1u64 << 53) as f64;
        self.cumulated.partition_point(|share| *share <= point) as u32
    }
}
