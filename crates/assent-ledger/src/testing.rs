//! What tests of the ledger and of stores share: a way to wait for a future without a runtime, and a backup's parts in memory.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake};
use std::thread::Thread;

use assent_core::hash::{Hash, sha256};

use crate::backup::{PartKind, Parts};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits on this thread until the future is done.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// A backup's parts, in memory: by kind, and by the hash of what is in them.
#[derive(Debug, Default)]
pub struct MemoryParts(Mutex<BTreeMap<(PartKind, Hash), Vec<u8>>>);

impl MemoryParts {
    /// How many different ones were kept.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Parts for MemoryParts {
    fn put(&self, kind: PartKind, bytes: &[u8]) -> io::Result<Hash> {
        let name = sha256(bytes);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((kind, name), bytes.to_vec());
        Ok(name)
    }

    fn get(&self, kind: PartKind, name: Hash) -> io::Result<Vec<u8>> {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts.get(&(kind, name)).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
