//! Work on a sequence of items by several threads, taken in the items' order: exports, which decrypt most of their time.
//!
//! Holds as many results as there are threads, twice, and no more, however slowly they are taken.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, sync_channel};

/// Does `work` on each item, and hands the results to `take` in the order of the items, until it fails. `begin` makes the work of
/// one thread. With one thread everything is done on the caller's.
pub(crate) fn each_in_order<T, R: Send, E, W: FnMut(T) -> R>(
    items: impl Iterator<Item = T> + Clone + Send,
    threads: NonZero<usize>,
    begin: impl Fn() -> W + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let threads = threads.get();
    if threads == 1 {
        return items.map(begin()).try_for_each(take);
    }
    let begin = &begin;
    std::thread::scope(|scope| {
        // Each thread has a channel of its own and every n-th item, so that no result is out of turn.
        let results: Vec<Receiver<R>> = (0..threads)
            .map(|first| {
                let (send, receive) = sync_channel(1);
                let items = items.clone().skip(first).step_by(threads);
                scope.spawn(move || {
                    let mut work = begin();
                    for item in items {
                        // Nobody takes any more after a fault.
                        if send.send(work(item)).is_err() {
                            break;
                        }
                    }
                });
                receive
            })
            .collect();
        let mut turns = results.iter().cycle();
        while let Some(Ok(result)) = turns.next().map(Receiver::recv) {
            take(result)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_a_fault_ends_it() {
        for threads in [1, 2, 3, 7] {
            let threads = NonZero::new(threads).unwrap();
            for items in [0, 1, 2, 20] {
                let mut taken = Vec::new();
                let take = |result| {
                    taken.push(result);
                    Ok::<_, ()>(())
                };
                each_in_order(0..items, threads, || |item| item * item, take).unwrap();
                assert_eq!(taken, (0..items).map(|item| item * item).collect::<Vec<_>>());
            }
            let mut taken = 0;
            let take = |item| {
                taken += 1;
                if item == 5 { Err("five") } else { Ok(()) }
            };
            assert_eq!(each_in_order(0..1_000_000, threads, || |item| item, take), Err("five"));
            assert_eq!(taken, 6);
        }
    }
}
