//! Batches of which a refused one is halved until the culprit is alone.

/// Batches that are still to be sent.
#[derive(Debug)]
pub struct Batches<T> {
    /// The next one last.
    waiting: Vec<Vec<T>>,
}

impl<T> Batches<T> {
    /// These batches, in this order.
    pub fn new(batches: impl IntoIterator<Item = Vec<T>>) -> Self {
        let mut waiting: Vec<Vec<T>> = batches.into_iter().collect();
        waiting.reverse();
        Self { waiting }
    }

    /// Takes the next one.
    pub fn take_next(&mut self) -> Option<Vec<T>> {
        self.waiting.pop()
    }

    /// Puts a batch in front of the others.
    pub fn put_back(&mut self, batch: Vec<T>) {
        self.waiting.push(batch);
    }

    /// Puts the halves of a refused batch in front of the others. An item that was refused alone is the culprit and is
    /// returned instead.
    pub fn split(&mut self, mut batch: Vec<T>) -> Option<T> {
        if batch.len() <= 1 {
            return batch.pop();
        }
        let second = batch.split_off(batch.len() / 2);
        self.waiting.extend([second, batch]);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_but_the_culprits_is_taken_once_and_in_order() {
        let mut batches = Batches::new([(0..10).collect(), (10..13).collect()]);
        let (mut taken, mut culprits, mut calls) = (Vec::new(), Vec::new(), 0);
        while let Some(batch) = batches.take_next() {
            calls += 1;
            if batch.contains(&3) || batch.contains(&12) {
                culprits.extend(batches.split(batch));
            } else {
                taken.extend(batch);
            }
        }
        assert_eq!(taken, [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11]);
        assert_eq!((culprits.as_slice(), calls), ([3, 12].as_slice(), 14));
    }
}
