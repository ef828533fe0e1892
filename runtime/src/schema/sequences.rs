//! How far sequences are used up, as `st_sequence` shows it.

use orrery_host_abi::{SequenceId, bsatn::Encode};

use super::system::{index, table};
use crate::store::{WriteError, Writer};

/// Brings `allocated` of the sequences that the open transaction has taken values from up to date. Costs nothing but
/// a look for most transactions, since values are set aside by the thousand.
pub(crate) fn note_allocated(writer: &mut Writer) -> Result<(), WriteError> {
    if writer.sequences_ahead().next().is_none() || !writer.has_changes() {
        return Ok(());
    }
    let ahead: Vec<(SequenceId, i128)> = writer.sequences_ahead().collect();
    for (sequence, allocated) in ahead {
        let key = sequence.0.to_bsatn();
        let found =
            writer.table(table::SEQUENCE).map(|table| table.point(index::SEQUENCE, &key)).transpose()?;
        let Some(mut row) = found.and_then(|mut found| found.next()).map(<[u8]>::to_vec) else { continue };
        // The last column.
        let allocated = allocated.to_le_bytes();
        let at = row.len() - allocated.len();
        row[at..].copy_from_slice(&allocated);
        writer.update(table::SEQUENCE, index::SEQUENCE, &mut row)?;
    }
    Ok(())
}
