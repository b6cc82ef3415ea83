//! Items leave in the order in which their tickets were given, although their payloads are fetched concurrently and come
//! in any order.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a message waits for one before it whose payload is still being fetched. Any longer, and one payload that
/// hangs would hold up every room; a message carries its place in the order of
/// capture, so that it is folded where it belongs all the same.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// An item's position, given before its payload is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// Gives items out in the order of their tickets.
#[derive(Debug)]
pub struct Ordered<T> {
    items: VecDeque<(Ticket, State<T>)>,
    next: u64,
}

#[derive(Debug)]
enum State<T> {
    /// Not here yet, since then.
    Expected(Instant),
    Ready(T),
    /// Nothing will come under this ticket.
    Released,
}

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self { items: VecDeque::new(), next: 0 }
    }
}

impl<T> Ordered<T> {
    /// Tickets whose items have not left.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// The next ticket, for an item that is expected.
    pub fn reserve(&mut self, now: Instant) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.items.push_back((ticket, State::Expected(now)));
        ticket
    }

    /// The item has come. `Some`: [`MAX_WAIT`] is over and those after it have left; it leaves by itself.
    pub fn fill(&mut self, ticket: Ticket, item: T) -> Option<T> {
        match self.find(ticket) {
            Some(state) => {
                *state = State::Ready(item);
                None
            }
            None => Some(item),
        }
    }

    /// The item will not come under this ticket.
    pub fn release(&mut self, ticket: Ticket) {
        if let Some(state) = self.find(ticket) {
            *state = State::Released;
        }
    }

    /// Everything that can leave now, in order.
    pub fn take_ready(&mut self, now: Instant) -> Vec<T> {
        let mut left = Vec::new();
        while let Some((ticket, state)) = self.items.pop_front() {
            match state {
                State::Ready(item) => left.push(item),
                State::Released => {}
                State::Expected(since) if now.saturating_duration_since(since) >= MAX_WAIT => {}
                State::Expected(_) => {
                    self.items.push_front((ticket, state));
                    break;
                }
            }
        }
        left
    }

    fn find(&mut self, ticket: Ticket) -> Option<&mut State<T>> {
        let at = self.items.binary_search_by_key(&ticket, |(ticket, _)| *ticket).ok()?;
        self.items.get_mut(at).map(|(_, state)| state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_first_leaves_first() {
        let (mut queue, now) = (Ordered::default(), Instant::now());
        let items = [(); 4].map(|()| queue.reserve(now));
        assert_eq!(queue.fill(items[1], "b"), None);
        assert_eq!(queue.take_ready(now), [""; 0]);
        queue.fill(items[0], "a");
        assert_eq!(queue.take_ready(now), ["a", "b"]);
        queue.fill(items[3], "d");
        queue.release(items[2]);
        assert_eq!((queue.take_ready(now), queue.len()), (vec!["d"], 0));
    }

    #[test]
    fn nobody_waits_long_for_one_that_hangs() {
        let (mut queue, now) = (Ordered::default(), Instant::now());
        let (hangs, waits) = (queue.reserve(now), queue.reserve(now));
        queue.fill(waits, "b");
        assert_eq!(queue.take_ready(now), [""; 0]);
        assert_eq!(queue.take_ready(now + MAX_WAIT), ["b"]);
        assert_eq!(queue.fill(hangs, "a"), Some("a"), "it leaves by itself");
    }
}
