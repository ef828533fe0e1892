//! What a tree has as keys: integers, four words, or bytes of any length.

use std::cmp::Ordering;

use triomphe::Arc;

/// A key of a [`Tree`].
pub(super) trait Key: Clone + Default {
    /// What keys are compared as, so that one can look for a key without making one.
    type Ref: Ord + ?Sized;

    fn as_key(&self) -> &Self::Ref;
    fn from_key(key: &Self::Ref) -> Self;

    /// How many keys of a sorted list are less than that one.
    #[inline(always)]
    fn count_less(keys: &[Self], key: &Self::Ref) -> usize {
        keys.partition_point(|k| k.as_key() < key)
    }

    /// How many keys of a sorted list are not greater than that one.
    #[inline(always)]
    fn count_up_to(keys: &[Self], key: &Self::Ref) -> usize {
        keys.partition_point(|k| k.as_key() <= key)
    }
}

/// How many integers of a sorted list meet a condition that the first ones meet.
///
/// A binary search waits for one cache line after the other. This looks at the last integer of each line first,
/// which the processor does for all lines at once, and then into one line.
#[inline(always)]
fn count_in_lines(keys: &[u64], is_counted: impl Fn(u64) -> bool) -> usize {
    const LINE: usize = 8;
    let lines = keys.chunks_exact(LINE).filter(|line| is_counted(line[LINE - 1])).count();
    let line = &keys[lines * LINE..keys.len().min(lines * LINE + LINE)];
    lines * LINE + line.iter().filter(|&&key| is_counted(key)).count()
}

impl Key for u64 {
    type Ref = u64;

    #[inline(always)]
    fn as_key(&self) -> &u64 {
        self
    }

    #[inline(always)]
    fn from_key(key: &u64) -> u64 {
        *key
    }

    #[inline(always)]
    fn count_less(keys: &[u64], key: &u64) -> usize {
        count_in_lines(keys, |k| k < *key)
    }

    #[inline(always)]
    fn count_up_to(keys: &[u64], key: &u64) -> usize {
        count_in_lines(keys, |k| k <= *key)
    }
}

macro_rules! plain_key {
    ($ty:ty) => {
        impl Key for $ty {
            type Ref = $ty;

            #[inline(always)]
            fn as_key(&self) -> &$ty {
                self
            }

            #[inline(always)]
            fn from_key(key: &$ty) -> $ty {
                *key
            }
        }
    };
}
plain_key!(u128);
plain_key!([u64; 4]);

/// A key of any length: up to 22 bytes lie in the node itself.
#[derive(Debug, Clone)]
pub(super) enum BytesKey {
    Short { len: u8, bytes: [u8; 22] },
    Long(Arc<[u8]>),
}

impl Default for BytesKey {
    fn default() -> Self {
        Self::Short { len: 0, bytes: [0; 22] }
    }
}

impl Key for BytesKey {
    type Ref = [u8];

    #[inline]
    fn as_key(&self) -> &[u8] {
        match self {
            Self::Short { len, bytes } => &bytes[..usize::from(*len).min(22)],
            Self::Long(bytes) => bytes,
        }
    }

    fn from_key(key: &[u8]) -> Self {
        let mut bytes = [0; 22];
        match (bytes.get_mut(..key.len()), u8::try_from(key.len())) {
            (Some(short), Ok(len)) => {
                short.copy_from_slice(key);
                Self::Short { len, bytes }
            }
            _ => Self::Long(Arc::from(key)),
        }
    }
}

impl PartialEq for BytesKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_key() == other.as_key()
    }
}

impl Eq for BytesKey {}

impl PartialOrd for BytesKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for BytesKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_key().cmp(other.as_key())
    }
}
