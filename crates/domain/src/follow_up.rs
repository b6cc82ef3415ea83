//! Silence: after how many working days without a word a room's owner is told to follow up.

/// Of the numbers of working days after which a follow-up is due, the one that this silence has reached. `None`: it has
/// reached none, or lasts so long beyond the last that it is no news any more.
pub fn reached(after: &[u32], silent_days: u32) -> Option<u32> {
    let last = *after.last()?;
    if silent_days >= last.saturating_mul(2) {
        return None;
    }
    after.iter().copied().take_while(|days| *days <= silent_days).last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_told_at_each_step_and_not_for_ever() {
        let told = |days| reached(&[7, 14, 30], days);
        for (days, expected) in [
            (0, None),
            (6, None),
            (7, Some(7)),
            (13, Some(7)),
            (14, Some(14)),
            (30, Some(30)),
            (59, Some(30)),
            (60, None),
            (u32::MAX, None),
        ] {
            assert_eq!(told(days), expected, "{days}");
        }
        assert_eq!(reached(&[], 7), None);
        assert_eq!(reached(&[u32::MAX], u32::MAX), None);
    }
}
