//! Connections of clients: written down, and told to the module.

use std::sync::Arc;

use bytes::Bytes;
use orrery_host_abi::{ConnectionId, Identity, LogLevel, bsatn::Encode};

use super::Worker;
use crate::{
    database::{CallError, Caller},
    schema::{system_index, system_table},
    store::Writer,
};

impl Worker {
    /// Ends all connections: those that a killed server left open, or whose clients know another module.
    pub(crate) fn disconnect_all(&mut self) {
        let table = self.writer().table(system_table::CLIENT);
        let clients: Vec<_> =
            table.into_iter().flat_map(|table| table.rows().filter_map(client_row)).collect();
        for (identity, connection) in clients {
            self.disconnect(identity, connection);
        }
    }

    /// Opens a connection: writes it down and asks the module, in one transaction.
    pub(super) fn connect(&mut self, caller: &Caller) -> Result<(), CallError> {
        let write_down = |writer: &mut Writer| {
            let mut client = Vec::with_capacity(48);
            client.extend_from_slice(&caller.identity.0);
            caller.connection.0.encode(&mut client);
            writer.insert(system_table::CLIENT, &mut client)?;
            let mut credentials = caller.connection.0.to_bsatn();
            caller.token_payload.encode(&mut credentials);
            writer.insert(system_table::CONNECTION_CREDENTIALS, &mut credentials)?;
            Ok(())
        };
        let Some(reducer) = self.running.module().client_connected else {
            return self.rows_only(write_down);
        };
        let result = self.reducer(reducer, caller.identity, Some(caller), Bytes::new(), write_down);
        let result = result.inspect_err(|error| self.log_refusal(reducer, error));
        result.map_err(|error| match error {
            CallError::Refused(message) => CallError::ConnectionRefused(message),
            CallError::Broke(fault) => CallError::ConnectionRefused(fault.to_string()),
            other => other,
        })
    }

    /// Ends a connection: tells the module and forgets it, in one transaction if the module does not fail.
    pub(super) fn disconnect(&mut self, identity: Identity, connection: ConnectionId) {
        let key = client_key(identity, connection);
        let is_known = |writer: &Writer| {
            let table = writer.table(system_table::CLIENT)?;
            table.point(system_index::CLIENT, &key).ok()?.next().map(|_| ())
        };
        if is_known(self.writer()).is_none() {
            return;
        }
        let forget = |writer: &mut Writer| {
            writer.delete_point(system_index::CLIENT, &key)?;
            let key = connection.0.to_le_bytes();
            writer.delete_point(system_index::CONNECTION_CREDENTIALS, &key)?;
            Ok(())
        };
        if let Some(reducer) = self.running.module().client_disconnected {
            let caller = Caller { identity, connection, token_payload: self.token_payload(connection) };
            match self.reducer(reducer, identity, Some(&caller), Bytes::new(), forget) {
                Ok(()) => return,
                Err(error) => self.log(LogLevel::Error, &format!("client_disconnected failed: {error}")),
            }
        }
        if let Err(error) = self.rows_only(forget) {
            tracing::error!(database = %self.shared.key.database, %error, "a connection could not be ended");
        }
    }

    fn token_payload(&self, connection: ConnectionId) -> Arc<str> {
        let find = || {
            let table = self.writer().table(system_table::CONNECTION_CREDENTIALS)?;
            let key = connection.0.to_le_bytes();
            let row = table.point(system_index::CONNECTION_CREDENTIALS, &key).ok()?.next()?;
            // After the text's length.
            std::str::from_utf8(&table.layout().column(row, 1)[4..]).ok().map(Arc::from)
        };
        find().unwrap_or_else(|| Arc::from("{}"))
    }
}

/// The key of `st_client`.
fn client_key(identity: Identity, connection: ConnectionId) -> [u8; 48] {
    let mut key = [0; 48];
    key[..32].copy_from_slice(&identity.0);
    key[32..].copy_from_slice(&connection.0.to_le_bytes());
    key
}

/// A row of `st_client`.
fn client_row(row: &[u8]) -> Option<(Identity, ConnectionId)> {
    let (identity, connection) = row.split_first_chunk()?;
    Some((Identity(*identity), ConnectionId(u128::from_le_bytes(connection.try_into().ok()?))))
}
