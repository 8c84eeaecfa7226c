//! What an isolate tells of its heap, and does to it.

use super::*;
use crate::engine::isolate::task::Reply;
use crate::engine::transfer::{Cloned, Function};

/// Bytes of a heap snapshot that are sent at once.
const PIECE: usize = 1 << 18;

impl Cx<'_> {
    /// The figures in the order of `STATISTICS` in `lib/isolate.js`.
    pub(super) fn heap_statistics(self, scope: &mut v8::PinScope<'_, '_, ()>) -> Outcome {
        let s = scope.get_heap_statistics();
        let memory = self.guest.memory();
        let figures = [
            s.total_heap_size(),
            s.total_heap_size_executable(),
            s.total_physical_size(),
            s.total_available_size(),
            s.used_heap_size(),
            memory.limit,
            s.malloced_memory(),
            s.peak_malloced_memory(),
            usize::from(s.does_zap_garbage()),
            memory.buffers(),
            s.number_of_native_contexts(),
            s.number_of_detached_contexts(),
            s.total_global_handles_size(),
            s.used_global_handles_size(),
            s.external_memory(),
            s.total_allocated_bytes() as usize,
        ];
        Ok(Transfer::Numbers(figures.map(|n| n as f64).into()))
    }

    /// Collects all garbage, and forgets what others are referred to by it.
    pub(super) fn collect_garbage(self, scope: &mut v8::PinScope<'_, '_, ()>) -> Outcome {
        scope.low_memory_notification();
        self.guest.forget_dropped(self.isolate);
        self.guest.memory().set_untidy(false);
        Ok(Transfer::Undefined)
    }

    /// Writes V8's heap snapshot (JSON, as DevTools read it) to `sink`, while the guest stands still.
    pub(super) fn heap_snapshot(self, scope: &mut v8::PinScope<'_, '_, ()>, sink: &Function) -> Outcome {
        let mut piece = Vec::new();
        let send = |piece: Vec<u8>| {
            let bytes = Arc::new(Cloned::buffer(piece));
            sink.send(Arguments::from_iter([Transfer::Cloned(bytes)]), Reply::Ignored);
        };
        let isolate = self.isolate;
        scope.take_heap_snapshot(|bytes| {
            piece.extend_from_slice(bytes);
            if piece.len() >= PIECE {
                send(std::mem::take(&mut piece));
            }
            isolate.is_live()
        });
        if !piece.is_empty() {
            send(piece);
        }
        Ok(Transfer::Undefined)
    }
}
