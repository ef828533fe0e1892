//! Calling functions: reducers on the worker, procedures and HTTP handlers beside it.

use std::sync::Arc;

use bytes::Bytes;
use orrery_host_abi::{AlgebraicType, HttpRequest, HttpResponse, Identity, ModuleDef, bsatn::Encode};
use tokio::sync::oneshot;

use crate::{
    database::{Args, CallError, Caller, Connection, Database},
    procedures::{Answer, ProcedureFailure, ProcedureJob, Target},
    running::{Prepared, Running},
    store::TxOffset,
    worker::{CallFailure, Job, ReducerCall},
};

/// What a function that was called by its name gave.
#[derive(Debug, Clone)]
pub enum Called {
    /// A reducer has committed.
    Committed,
    /// A procedure has returned.
    Returned {
        /// BSATN: a value of `return_type`.
        value: Bytes,
        /// Its references lead into the typespace of `module`.
        return_type: AlgebraicType,
        /// The definition that the procedure belongs to.
        module: Arc<ModuleDef>,
    },
}

impl Database {
    /// One call of a reducer or procedure that is its own connection: `client_connected` is asked first if the module
    /// has one, and `client_disconnected` runs afterwards. Answers when everything is durable that the answer tells of.
    pub async fn call_once(&self, caller: &Caller, function: &str, args: Args) -> Result<Called, CallError> {
        self.call_function(caller, function, &args, true).await
    }

    /// A call of a reducer or procedure on a connection that is open. Answers when everything is durable that the
    /// answer tells of.
    pub async fn call(&self, caller: &Caller, function: &str, args: Args) -> Result<Called, CallError> {
        self.call_function(caller, function, &args, false).await
    }

    async fn call_function(
        &self,
        caller: &Caller,
        function: &str,
        args: &Args,
        is_own_connection: bool,
    ) -> Result<Called, CallError> {
        let is_owner = caller.identity == self.key().owner;
        let mut connection = None;
        // If another program is published in between: once more, with the functions of that one.
        loop {
            let running = self.shared().running();
            match running.prepare(function, args, is_owner)? {
                Prepared::Reducer(reducer, args) => {
                    let caller = caller.clone();
                    let call = ReducerCall { generation: running.generation, reducer, args, caller };
                    drop(running);
                    let (reply, answer) = oneshot::channel();
                    let job = if is_own_connection { Job::CallOnce } else { Job::Call };
                    self.try_send(job(call, reply))?;
                    match answer.await {
                        Ok(Ok(())) => return Ok(Called::Committed),
                        Ok(Err(CallFailure::Error(error))) => return Err(error),
                        Ok(Err(CallFailure::ProgramChanged)) => {}
                        Err(_) => return Err(self.stopped().into()),
                    }
                }
                Prepared::Procedure(procedure, args) => {
                    if is_own_connection && connection.is_none() {
                        let opened = self.connect_if_asked(running.module(), caller).await?;
                        connection = opened.map(Arc::new);
                    }
                    let module = Arc::clone(running.module());
                    let return_type = module.procedures[procedure.id as usize].return_type.clone();
                    let target = Target::Procedure(procedure, args);
                    match self.run(running, target, Some(caller), connection.clone()).await? {
                        Some(Answer::Value(value)) => {
                            return Ok(Called::Returned { value, return_type, module });
                        }
                        Some(Answer::Response(..)) => unreachable!("a procedure gives a value"),
                        None => {}
                    }
                }
            }
        }
    }

    /// Has the module's HTTP handler for that path (below the database's own) and the request's method answer a
    /// request. Answers when everything is durable that the response may tell of.
    pub async fn handle_http(
        &self,
        path: &str,
        request: &HttpRequest,
        body: Bytes,
    ) -> Result<(HttpResponse, Bytes), CallError> {
        let encoded = Bytes::from(request.to_bsatn());
        loop {
            let running = self.shared().running();
            let handler = running.module().http_handler(request.method.as_str(), path);
            let (id, _) = handler.ok_or(CallError::NoSuchRoute)?;
            let target = Target::Handler { id, request: encoded.clone(), body: body.clone() };
            match self.run(running, target, None, None).await? {
                Some(Answer::Response(response, body)) => return Ok((response, body)),
                Some(Answer::Value(_)) => unreachable!("a handler gives a response"),
                None => {}
            }
        }
    }

    /// Runs something beside the worker. None: it has not begun, as another program runs by now. The connection
    /// stays open until it is over, even if nobody waits for it any more.
    async fn run(
        &self,
        running: Arc<Running>,
        target: Target,
        caller: Option<&Caller>,
        connection: Option<Arc<Connection>>,
    ) -> Result<Option<Answer>, CallError> {
        let (reply, answer) = oneshot::channel();
        self.shared().run_procedure(ProcedureJob {
            running,
            target,
            caller: caller.map_or(Identity::ZERO, |caller| caller.identity),
            token: caller.map(|caller| (caller.connection, Arc::clone(&caller.token_payload))),
            due: None,
            after: TxOffset::default(),
            reply: Box::new(move |result| {
                drop(connection);
                // Fails if the caller has hung up.
                let _ = reply.send(result);
            }),
        })?;
        match answer.await {
            Ok(Ok(answer)) => Ok(Some(answer)),
            Ok(Err(ProcedureFailure::ProgramChanged)) => Ok(None),
            Ok(Err(ProcedureFailure::Error(error))) => Err(error),
            Err(_) => Err(self.shared().lost().of_procedure()),
        }
    }
}
