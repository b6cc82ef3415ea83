//! Messages leave in the order in which they came, although their payloads are fetched at once and come as they like.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// For so long a message waits for one before it whose payload is being fetched. Longer, and one payload that hangs
/// would hold up every room; its place in the order of capture is with it, so that it is folded where it belongs.
const PATIENCE: Duration = Duration::from_secs(1);

/// A place in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(u64);

/// What is in front leaves first.
#[derive(Debug)]
pub struct Line<T> {
    places: VecDeque<(Place, State<T>)>,
    next: u64,
}

#[derive(Debug)]
enum State<T> {
    /// Not here yet, since then.
    Expected(Instant),
    Here(T),
    /// It will not come, or by itself.
    Gone,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { places: VecDeque::new(), next: 0 }
    }
}

impl<T> Line<T> {
    /// How many have not left.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// The next place, for something that is expected.
    pub fn expect(&mut self, now: Instant) -> Place {
        let place = Place(self.next);
        self.next += 1;
        self.places.push_back((place, State::Expected(now)));
        place
    }

    /// It is here. `Some`: the line has gone on without it.
    pub fn arrive(&mut self, place: Place, item: T) -> Option<T> {
        match self.find(place) {
            Some(state) => {
                *state = State::Here(item);
                None
            }
            None => Some(item),
        }
    }

    /// It will not come in its turn.
    pub fn give_up(&mut self, place: Place) {
        if let Some(state) = self.find(place) {
            *state = State::Gone;
        }
    }

    /// Everything that can leave now, in order.
    pub fn leave(&mut self, now: Instant) -> Vec<T> {
        let mut left = Vec::new();
        while let Some((place, state)) = self.places.pop_front() {
            match state {
                State::Here(item) => left.push(item),
                State::Gone => {}
                State::Expected(since) if now.saturating_duration_since(since) >= PATIENCE => {}
                State::Expected(_) => {
                    self.places.push_front((place, state));
                    break;
                }
            }
        }
        left
    }

    fn find(&mut self, place: Place) -> Option<&mut State<T>> {
        let at = self.places.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        self.places.get_mut(at).map(|(_, state)| state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_first_leaves_first() {
        let (mut line, now) = (Line::default(), Instant::now());
        let places = [(); 4].map(|()| line.expect(now));
        assert_eq!(line.arrive(places[1], "b"), None);
        assert_eq!(line.leave(now), [""; 0]);
        line.arrive(places[0], "a");
        assert_eq!(line.leave(now), ["a", "b"]);
        line.arrive(places[3], "d");
        line.give_up(places[2]);
        assert_eq!((line.leave(now), line.len()), (vec!["d"], 0));
    }

    #[test]
    fn nobody_waits_long_for_one_that_hangs() {
        let (mut line, now) = (Line::default(), Instant::now());
        let (hangs, waits) = (line.expect(now), line.expect(now));
        line.arrive(waits, "b");
        assert_eq!(line.leave(now), [""; 0]);
        assert_eq!(line.leave(now + PATIENCE), ["b"]);
        assert_eq!(line.arrive(hangs, "a"), Some("a"), "it leaves by itself");
    }
}
