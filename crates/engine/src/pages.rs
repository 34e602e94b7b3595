//! Memory for weights that are regrouped when they are loaded: anonymous pages, huge ones
//! where the system grants them, as reading gigabytes through small ones costs a quarter
//! of the bandwidth.

use memmap2::{Mmap, MmapMut};
use std::ops::Deref;

use crate::LoadError;

/// Bytes that were written once and are only read from then on.
pub(crate) struct Pages(Option<Mmap>);

impl Pages {
    /// `len` bytes, zero at first, as `fill` leaves them.
    pub(crate) fn filled(len: usize, fill: impl FnOnce(&mut [u8])) -> Result<Pages, LoadError> {
        let failed = |why: std::io::Error| {
            LoadError(format!(
                "{len} bytes for weights cannot be had ({why}). Close other programs, or choose \
                 a smaller model."
            ))
        };
        if len == 0 {
            return Ok(Pages(None));
        }
        let mut pages = MmapMut::map_anon(len).map_err(failed)?;
        // Small pages serve as well; they are only slower.
        #[cfg(target_os = "linux")]
        if let Err(why) = pages.advise(memmap2::Advice::HugePage) {
            tracing::debug!(%why, "no huge pages");
        }
        fill(&mut pages);
        Ok(Pages(Some(pages.make_read_only().map_err(failed)?)))
    }
}

impl Deref for Pages {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn pages_hold_what_was_written() {
        let pages = Pages::filled(5_000_000, |bytes| bytes[4_999_999] = 7).unwrap();
        assert_eq!((pages.len(), pages[0], pages[4_999_999]), (5_000_000, 0, 7));
        assert!(
            Pages::filled(0, |bytes| assert!(bytes.is_empty()))
                .unwrap()
                .is_empty()
        );
    }
}
