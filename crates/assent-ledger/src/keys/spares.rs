//! Secrets drawn before anybody needs them, each durable in its slot: a decision of a new subject takes one from memory.
//!
//! What is left over when the process ends is found again and given out by the next one; slots ascend and none is given
//! twice, because the store's head says which were. Not how a slot is written (`slots.rs`).

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;

use super::slots::{Slot, Slots};
use super::{KeyStoreError, Secret};
use crate::cipher::Cipher;
use crate::outside::Random;

/// Drawn at once: two of the largest batches, 128 KiB on disk.
const AT_ONCE: usize = 2048;
/// Below this many, more are drawn.
const FEW: usize = 2048;

/// Secrets that wait for subjects.
#[derive(Default)]
pub(super) struct Spares {
    ready: Mutex<VecDeque<(u64, Secret)>>,
    /// Held while drawing, so that only one thread does.
    drawing: Mutex<()>,
}

impl Spares {
    /// Takes up what an earlier process drew and nobody got: slots from `next` on. Whatever was ready is forgotten.
    pub(super) fn resume(&self, slots: &Slots, wrap: &Cipher, next: u64) -> Result<(), KeyStoreError> {
        let _drawing = self.drawing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        for slot in next..slots.end() {
            match slots.read(wrap, slot) {
                Ok(Slot::Secret(secret)) => found.push((slot, secret)),
                // A slot that was not written to its end, or was damaged since, is passed over for ever.
                Ok(_) | Err(KeyStoreError::WrongKey { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        // A process that was killed may have left them in the page cache only, and rows are about to be sealed under them.
        // Where that fails they are passed over, too.
        let mut ready = VecDeque::new();
        for run in found.chunk_by(|(a, _), (b, _)| a + 1 == *b) {
            if slots.put_again(run[0].0..run[0].0 + run.len() as u64).is_ok() {
                ready.extend(run.iter().cloned());
            }
        }
        *self.ready.lock().unwrap_or_else(PoisonError::into_inner) = ready;
        Ok(())
    }

    pub(super) fn take(
        &self,
        slots: &Slots,
        wrap: &Cipher,
        count: usize,
        random: &dyn Random,
    ) -> Result<Vec<(u64, Secret)>, KeyStoreError> {
        loop {
            {
                let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
                if ready.len() >= count {
                    return Ok(ready.drain(..count).collect());
                }
            }
            self.draw(slots, wrap, random, count)?;
        }
    }

    pub(super) fn draw_ahead(
        &self,
        slots: &Slots,
        wrap: &Cipher,
        random: &dyn Random,
    ) -> Result<(), KeyStoreError> {
        self.draw(slots, wrap, random, FEW)
    }

    /// Draws if fewer than `wanted` are ready.
    fn draw(
        &self,
        slots: &Slots,
        wrap: &Cipher,
        random: &dyn Random,
        wanted: usize,
    ) -> Result<(), KeyStoreError> {
        let _drawing = self.drawing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.ready.lock().unwrap_or_else(PoisonError::into_inner).len() >= wanted {
            return Ok(());
        }
        let count = AT_ONCE.max(wanted);
        let mut bytes = Zeroizing::new(vec![0; 32 * count]);
        random.fill(&mut bytes)?;
        let secrets: Vec<Secret> =
            bytes.as_chunks::<32>().0.iter().map(|secret| Zeroizing::new(*secret)).collect();
        // Counted only once they are written: where that fails, the next try is for the same slots, so that none is left out.
        let first = slots.end();
        slots.write(wrap, first, &secrets, random)?;
        slots.extend_to(first + count as u64);
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.extend((first..).zip(secrets));
        Ok(())
    }
}
