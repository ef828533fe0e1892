//! What a view answers, in a form that many can share.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use orrery_host_abi::{AlgebraicType, ModuleDef};
use parking_lot::Mutex;

use crate::store::TxOffset;

/// What a view answers at one state of the database. Shared by all who get the same answer.
#[derive(Debug)]
pub struct ViewAnswer {
    /// Names the rows: strong, without quotes. The same rows of the same program have the same name, also after a
    /// restart.
    pub etag: Arc<str>,
    /// BSATN: an array of rows.
    pub rows: Bytes,
    /// What the rows look like.
    pub shape: Arc<ViewShape>,
    /// The last durable transaction that it shows.
    pub offset: TxOffset,
    /// The rows as the frontend writes them.
    pub forms: Forms,
}

/// What the rows of a view look like.
#[derive(Debug)]
pub struct ViewShape {
    /// The type of a row; its references lead into the typespace of `module`.
    pub row_type: AlgebraicType,
    /// The definition that the view belongs to.
    pub module: Arc<ModuleDef>,
    /// Whether the answer depends on who asks.
    pub per_caller: bool,
}

/// What a frontend has made of something that it will be asked for again, in forms that it numbers.
#[derive(Debug)]
pub struct Forms {
    made: Mutex<Vec<(u8, Bytes)>>,
    charge: Charge,
}

impl Forms {
    pub(super) fn new(charge: Charge) -> Self {
        Self { made: Mutex::default(), charge }
    }

    /// What was made before in that form, or what `make` makes now. Who asks meanwhile waits.
    pub fn get_or_make<E>(&self, form: u8, make: impl FnOnce() -> Result<Bytes, E>) -> Result<Bytes, E> {
        let mut made = self.made.lock();
        if let Some((_, known)) = made.iter().find(|(known, _)| *known == form) {
            return Ok(known.clone());
        }
        let new = make()?;
        self.charge.add(new.len() as u64);
        made.push((form, new.clone()));
        Ok(new)
    }

    /// How many bytes are kept, with those of the rows.
    pub(super) fn bytes(&self) -> u64 {
        self.charge.own.load(Ordering::Relaxed)
    }
}

/// Bytes that count while this exists.
#[derive(Debug)]
pub(super) struct Charge {
    total: Arc<AtomicU64>,
    own: AtomicU64,
}

impl Charge {
    pub(super) fn new(total: &Arc<AtomicU64>, bytes: u64) -> Self {
        let charge = Self { total: Arc::clone(total), own: AtomicU64::new(0) };
        charge.add(bytes);
        charge
    }

    fn add(&self, bytes: u64) {
        self.own.fetch_add(bytes, Ordering::Relaxed);
        self.total.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.total.fetch_sub(*self.own.get_mut(), Ordering::Relaxed);
    }
}
