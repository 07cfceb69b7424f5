//! How are ways to do one thing timed fairly from Rust? The twin of rounds.h, which says how.

use crate::Result;

const WARM_UP: usize = 5;
const MIN_CALLS: f64 = 40.0;
const MAX_CALLS: f64 = 2000.0;
/// In microseconds: who is so slow that [`MIN_CALLS`] take longer than this is called less often.
const LONGEST: f64 = 30e3;

/// One way to do a thing.
pub trait Take {
    /// Does it once; in microseconds.
    fn take(&self) -> Result<f64>;
}

/// How many rounds, and for about how long each side runs in one.
#[derive(Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    pub milliseconds: f64,
}

/// Calls each side some times that nobody notes; gives how often they can be called in a round.
pub fn calls<Side: Take>(effort: Effort, sides: &[Side]) -> Result<usize> {
    let mut slowest = 0.0_f64;
    for side in sides {
        let mut samples = (0..WARM_UP).map(|_| side.take()).collect::<Result<Vec<_>>>()?;
        slowest = slowest.max(median(&mut samples));
    }
    let least = (LONGEST / slowest).clamp(1.0, MIN_CALLS);
    Ok((effort.milliseconds * 1e3 / slowest).clamp(least, MAX_CALLS) as usize)
}

/// One round; gives each side's median.
pub fn take<Side: Take>(sides: &[Side], calls: usize) -> Result<Vec<f64>> {
    let mut samples = vec![Vec::with_capacity(calls); sides.len()];
    let mut order: Vec<usize> = (0..sides.len()).collect();
    for call in 0..calls {
        // Every order of two or three sides comes about equally often.
        order.rotate_left(1);
        if (call / sides.len()) % 2 == 1 {
            order.reverse();
        }
        for &index in &order {
            if let (Some(side), Some(samples)) = (sides.get(index), samples.get_mut(index)) {
                samples.push(side.take()?);
            }
        }
    }
    Ok(samples.iter_mut().map(|samples| median(samples)).collect())
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}
