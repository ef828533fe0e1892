//! What the server knows about its databases: which there are, who owns them, and what they are called.
//!
//! All of it is in memory and on disk. A change is on disk before anybody sees it.

use std::{collections::HashMap, path::Path};

use orrery_host_abi::{Hash, Identity};
use orrery_runtime::{
    ProgramKind,
    store::{Kv, KvBatch},
};
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};

use super::name::DatabaseName;

/// Keys in the store begin with what they are of.
const DATABASE_PREFIX: &str = "database/";
const NAME_PREFIX: &str = "name/";

/// Where a database is between its birth and its end. A server that finds one in a state other than ready has
/// been killed halfway, and finishes the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Its files are being made; nobody has been told of it.
    Creating,
    /// It is there.
    Ready,
    /// Its files are being removed; it is gone for everybody.
    Deleting,
}

/// A database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Who may publish to it, delete it and read its logs.
    pub(crate) owner: Identity,
    /// What its module is written in.
    pub(crate) kind: ProgramKind,
    /// The program that it was made or last reset with.
    pub(crate) initial_program: Hash,
    /// Whether it is there.
    pub(crate) phase: Phase,
    /// Whether its owner has locked it: then it is neither deleted nor reset.
    pub(crate) locked: bool,
}

/// Why a name cannot be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BindError {
    /// Somebody else has registered it.
    #[error("the name `{0}` belongs to somebody else")]
    NotYours(DatabaseName),
    /// It leads to a database already.
    #[error("the name `{0}` is taken")]
    Taken(DatabaseName),
    /// The disk.
    #[error("{0}")]
    Store(String),
}

/// The list of databases and names.
pub(crate) struct Catalog {
    kv: Kv,
    /// Held while a change is checked and written.
    writing: Mutex<()>,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    databases: HashMap<Identity, Record>,
    names: HashMap<DatabaseName, NameRecord>,
}

/// A name stays with whoever registered it first, even while it leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NameRecord {
    owner: Identity,
    database: Option<Identity>,
}

impl Catalog {
    /// Reads the catalog in that file, which is made if it does not exist. The error says what is wrong with it.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let kv = Kv::open(path).map_err(|error| error.to_string())?;
        let mut state = State::default();
        let entries = |prefix: &str| kv.scan_prefix(prefix.as_bytes()).map_err(|error| error.to_string());
        for (key, value) in entries(DATABASE_PREFIX)? {
            let read = || {
                let identity =
                    Identity::from_hex(std::str::from_utf8(&key).ok()?.strip_prefix(DATABASE_PREFIX)?)
                        .ok()?;
                Some((identity, serde_json::from_slice::<StoredRecord>(&value).ok()?.into_record()?))
            };
            let (identity, record) = read().ok_or_else(|| damaged(&key))?;
            state.databases.insert(identity, record);
        }
        for (key, value) in entries(NAME_PREFIX)? {
            let read = || {
                let name = std::str::from_utf8(&key).ok()?.strip_prefix(NAME_PREFIX)?.parse().ok()?;
                Some((name, serde_json::from_slice::<StoredName>(&value).ok()?.into_record()?))
            };
            let (name, record) = read().ok_or_else(|| damaged(&key))?;
            state.names.insert(name, record);
        }
        Ok(Self { kv, writing: Mutex::new(()), state: RwLock::new(state) })
    }

    /// The identity that the name leads to, whether or not there is a database.
    pub(crate) fn lookup(&self, name: &DatabaseName) -> Option<Identity> {
        self.state.read().names.get(name)?.database
    }

    /// Who registered the name.
    pub(crate) fn name_owner(&self, name: &DatabaseName) -> Option<Identity> {
        Some(self.state.read().names.get(name)?.owner)
    }

    /// The names that lead to that identity, in order.
    pub(crate) fn names_of(&self, identity: Identity) -> Vec<DatabaseName> {
        let state = self.state.read();
        let leads_there = |(name, record): (&DatabaseName, &NameRecord)| {
            (record.database == Some(identity)).then(|| name.clone())
        };
        let mut names: Vec<_> = state.names.iter().filter_map(leads_there).collect();
        names.sort();
        names
    }

    /// What is known of a database, whatever its phase.
    pub(crate) fn database(&self, identity: Identity) -> Option<Record> {
        self.state.read().databases.get(&identity).cloned()
    }

    /// All databases that pass, in order.
    pub(crate) fn databases(&self, passes: impl Fn(&Record) -> bool) -> Vec<Identity> {
        let state = self.state.read();
        let mut found: Vec<_> = state
            .databases
            .iter()
            .filter(|(_, record)| passes(record))
            .map(|(identity, _)| *identity)
            .collect();
        found.sort();
        found
    }

    /// Adds or changes a database. Blocks on the disk.
    pub(crate) fn put_database(&self, identity: Identity, record: &Record) -> Result<(), String> {
        let _writing = self.writing.lock();
        let mut batch = KvBatch::new();
        batch.put(&database_key(identity), &StoredRecord::from_record(record).to_json());
        self.write(&batch)?;
        self.state.write().databases.insert(identity, record.clone());
        Ok(())
    }

    /// Forgets a database; its names stay. Blocks on the disk.
    pub(crate) fn remove_database(&self, identity: Identity) -> Result<(), String> {
        let _writing = self.writing.lock();
        let mut batch = KvBatch::new();
        batch.delete(&database_key(identity));
        self.write(&batch)?;
        self.state.write().databases.remove(&identity);
        Ok(())
    }

    /// Gives a database one more name. Blocks on the disk.
    pub(crate) fn bind(
        &self,
        name: &DatabaseName,
        identity: Identity,
        caller: Identity,
    ) -> Result<(), BindError> {
        self.rebind(std::slice::from_ref(name), identity, caller, false)
    }

    /// Gives a database these names and no others. Blocks on the disk.
    pub(crate) fn replace_names(
        &self,
        names: &[DatabaseName],
        identity: Identity,
        caller: Identity,
    ) -> Result<(), BindError> {
        self.rebind(names, identity, caller, true)
    }

    fn rebind(
        &self,
        names: &[DatabaseName],
        identity: Identity,
        caller: Identity,
        only_these: bool,
    ) -> Result<(), BindError> {
        let _writing = self.writing.lock();
        let mut changes = Vec::new();
        {
            let state = self.state.read();
            if only_these {
                let old = state.names.iter().filter(|(_, record)| record.database == Some(identity));
                changes.extend(old.map(|(name, old)| (name.clone(), NameRecord { database: None, ..*old })));
            }
            for name in names {
                let known = state.names.get(name);
                if known.is_some_and(|known| known.owner != caller) {
                    return Err(BindError::NotYours(name.clone()));
                }
                if known.is_some_and(|known| known.database.is_some()) {
                    return Err(BindError::Taken(name.clone()));
                }
                changes.push((name.clone(), NameRecord { owner: caller, database: Some(identity) }));
            }
        }
        let mut batch = KvBatch::new();
        for (name, record) in &changes {
            batch.put(format!("{NAME_PREFIX}{name}").as_bytes(), &StoredName::from_record(record).to_json());
        }
        self.write(&batch).map_err(BindError::Store)?;
        self.state.write().names.extend(changes);
        Ok(())
    }

    fn write(&self, batch: &KvBatch) -> Result<(), String> {
        self.kv.write(batch).map_err(|error| error.to_string())
    }
}

fn database_key(identity: Identity) -> Vec<u8> {
    format!("{DATABASE_PREFIX}{identity}").into_bytes()
}

fn damaged(key: &[u8]) -> String {
    format!("the entry `{}` of the server's catalog is damaged", String::from_utf8_lossy(key))
}

/// How a [`Record`] is stored.
#[derive(Serialize, Deserialize)]
struct StoredRecord {
    owner: String,
    kind: String,
    initial_program: String,
    phase: Phase,
    /// Catalogs from before there were locks do not have it.
    #[serde(default)]
    locked: bool,
}

impl StoredRecord {
    fn from_record(record: &Record) -> Self {
        let kind = match record.kind {
            ProgramKind::Wasm => "wasm",
            ProgramKind::Js => "js",
        };
        Self {
            owner: record.owner.to_hex(),
            kind: kind.into(),
            initial_program: record.initial_program.to_hex(),
            phase: record.phase,
            locked: record.locked,
        }
    }

    fn into_record(self) -> Option<Record> {
        let kind = match &*self.kind {
            "wasm" => ProgramKind::Wasm,
            "js" => ProgramKind::Js,
            _ => return None,
        };
        Some(Record {
            owner: Identity::from_hex(&self.owner).ok()?,
            kind,
            initial_program: Hash::from_hex(&self.initial_program).ok()?,
            phase: self.phase,
            locked: self.locked,
        })
    }

    fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("text and nothing else")
    }
}

/// How a [`NameRecord`] is stored.
#[derive(Serialize, Deserialize)]
struct StoredName {
    owner: String,
    database: Option<String>,
}

impl StoredName {
    fn from_record(record: &NameRecord) -> Self {
        Self { owner: record.owner.to_hex(), database: record.database.map(Identity::to_hex) }
    }

    fn into_record(self) -> Option<NameRecord> {
        let database = match self.database {
            Some(hex) => Some(Identity::from_hex(&hex).ok()?),
            None => None,
        };
        Some(NameRecord { owner: Identity::from_hex(&self.owner).ok()?, database })
    }

    fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("text and nothing else")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: Identity = Identity([1; 32]);
    const BOB: Identity = Identity([2; 32]);
    const ONE: Identity = Identity([3; 32]);
    const TWO: Identity = Identity([4; 32]);

    fn name(text: &str) -> DatabaseName {
        text.parse().unwrap()
    }

    fn texts(names: &[DatabaseName]) -> Vec<&str> {
        names.iter().map(DatabaseName::as_str).collect()
    }

    fn record() -> Record {
        Record {
            owner: ALICE,
            kind: ProgramKind::Wasm,
            initial_program: Hash([7; 32]),
            phase: Phase::Ready,
            locked: true,
        }
    }

    #[test]
    fn everything_is_there_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.redb");
        {
            let catalog = Catalog::open(&path).unwrap();
            catalog.put_database(ONE, &record()).unwrap();
            catalog
                .put_database(TWO, &Record { kind: ProgramKind::Js, phase: Phase::Creating, ..record() })
                .unwrap();
            catalog.bind(&name("one"), ONE, ALICE).unwrap();
            catalog.bind(&name("uno"), ONE, ALICE).unwrap();
            catalog.bind(&name("two"), TWO, BOB).unwrap();
            catalog.remove_database(TWO).unwrap();
        }
        let catalog = Catalog::open(&path).unwrap();
        assert_eq!(catalog.database(ONE), Some(record()));
        assert_eq!(catalog.database(TWO), None);
        assert_eq!(texts(&catalog.names_of(ONE)), ["one", "uno"]);
        assert_eq!(catalog.lookup(&name("two")), Some(TWO), "a name outlives its database");
        assert_eq!(catalog.databases(|record| record.owner == ALICE), [ONE]);
        assert_eq!(catalog.databases(|record| record.owner == BOB), []);
    }

    #[test]
    fn a_record_from_before_there_were_locks_is_not_locked() {
        let json = serde_json::to_value(StoredRecord::from_record(&record())).unwrap();
        let read = |json| serde_json::from_value::<StoredRecord>(json).unwrap().into_record();
        assert_eq!(read(json.clone()), Some(record()));
        let mut old = json;
        old.as_object_mut().unwrap().remove("locked");
        assert_eq!(read(old), Some(Record { locked: false, ..record() }));
    }

    #[test]
    fn a_name_leads_to_one_database_only() {
        let dir = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(&dir.path().join("control.redb")).unwrap();
        catalog.bind(&name("app"), ONE, ALICE).unwrap();
        assert_eq!(catalog.bind(&name("app"), TWO, ALICE), Err(BindError::Taken(name("app"))));
        assert_eq!(catalog.bind(&name("app"), ONE, ALICE), Err(BindError::Taken(name("app"))));
        assert_eq!(catalog.bind(&name("app"), TWO, BOB), Err(BindError::NotYours(name("app"))));
    }

    #[test]
    fn names_are_replaced_all_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.redb");
        let catalog = Catalog::open(&path).unwrap();
        catalog.bind(&name("old"), ONE, ALICE).unwrap();
        catalog.bind(&name("bobs"), TWO, BOB).unwrap();
        let refused = catalog.replace_names(&[name("new"), name("bobs")], ONE, ALICE);
        assert_eq!(refused, Err(BindError::NotYours(name("bobs"))));
        assert_eq!(texts(&catalog.names_of(ONE)), ["old"]);

        catalog.replace_names(&[name("new"), name("newer")], ONE, ALICE).unwrap();
        assert_eq!(texts(&catalog.names_of(ONE)), ["new", "newer"]);
        assert_eq!(catalog.lookup(&name("old")), None);
        assert_eq!(catalog.bind(&name("old"), TWO, BOB), Err(BindError::NotYours(name("old"))));
        drop(catalog);
        let catalog = Catalog::open(&path).unwrap();
        assert_eq!(texts(&catalog.names_of(ONE)), ["new", "newer"]);
        assert_eq!(catalog.name_owner(&name("old")), Some(ALICE), "a name stays with its first owner");
    }
}
