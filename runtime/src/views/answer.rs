//! What a view answers, in a form that many can share.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use orrery_host_abi::{AlgebraicType, ModuleDef};
use parking_lot::Mutex;

use crate::store::TxOffset;

/// In how many forms an answer can be kept.
const FORMS: usize = 4;

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

/// Places in which a frontend keeps what it has made of something that it will be asked for again.
#[derive(Debug)]
pub struct Forms {
    places: [Mutex<Option<Bytes>>; FORMS],
    charge: Charge,
}

impl Forms {
    pub(super) fn new(charge: Charge) -> Self {
        Self { places: Default::default(), charge }
    }

    /// What was made before for the place `form`, or what `make` makes now. Who asks meanwhile for the same waits.
    ///
    /// # Panics
    ///
    /// If `form` is not below 4.
    pub fn get_or_make<E>(&self, form: usize, make: impl FnOnce() -> Result<Bytes, E>) -> Result<Bytes, E> {
        let mut place = self.places[form].lock();
        if let Some(made) = &*place {
            return Ok(made.clone());
        }
        let made = make()?;
        self.charge.add(made.len() as u64);
        *place = Some(made.clone());
        Ok(made)
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
