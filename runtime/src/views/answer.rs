//! What a view answers, in a form that many can share.

use std::sync::Arc;

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
#[derive(Debug, Default)]
pub struct Forms([Mutex<Option<Bytes>>; FORMS]);

impl Forms {
    /// What was made before for the place `form`, or what `make` makes now. Who asks meanwhile for the same waits.
    ///
    /// # Panics
    ///
    /// If `form` is not below 4.
    pub fn get_or_make<E>(&self, form: usize, make: impl FnOnce() -> Result<Bytes, E>) -> Result<Bytes, E> {
        let mut place = self.0[form].lock();
        if let Some(made) = &*place {
            return Ok(made.clone());
        }
        let made = make()?;
        *place = Some(made.clone());
        Ok(made)
    }
}
