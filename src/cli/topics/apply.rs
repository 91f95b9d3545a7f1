//! Carries a plan out, change by change; one that fails does not keep the others from being made.

use serde_json::json;

use super::files::Source;
use super::plan::{Action, Change, Plan, Risk};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::parts;
use crate::cli::session::Session;
use crate::engine::admin::{Admin, TopicToCreate};
use crate::engine::broker::BrokerError;

pub fn run(plan: &Plan, allow_destructive: bool, source: &Source, session: &Session) -> Result<Exit, Failure> {
    if let Some(refusal) = plan.refused.first() {
        let message = format!("{}: {} ({} refused in all)", refusal.topic, refusal.reason, plan.refused.len());
        return Err(Failure::new(Exit::Precondition, message).next("`bookflow topics plan` lists all of them"));
    }
    let destructive = plan.changes.iter().find(|change| change.risk == Risk::Destructive);
    if let Some(change) = destructive.filter(|_| !allow_destructive) {
        let message = format!("{}: {} is destructive", change.topic, change.action);
        return Err(Failure::new(Exit::Precondition, message).next("if that is meant, add --allow-destructive"));
    }
    let admin = parts::admin(&session.config()?)?;
    let mut failed = None;
    let mut done = Vec::new();
    for change in &plan.changes {
        match one(change, admin.as_ref()) {
            Ok(()) => {
                session.output.note(format!("{}: {}", change.topic, change.action));
                done.push(change.topic.as_str());
            }
            Err(error) => {
                let failure = explain(error, change);
                session.output.fail(&failure);
                failed.get_or_insert(failure);
            }
        }
    }
    let left = plan.changes.len() - done.len();
    let total = source.read()?.len();
    session.output.say(
        json!({ "changed": done, "failed": left, "topics": total }),
        format!("{} of {} changes made, {total} topics", done.len(), plan.changes.len()),
    )?;
    Ok(failed.map_or(Exit::Ok, |failure| failure.exit))
}

fn explain(error: BrokerError, change: &Change) -> Failure {
    let too_few = error.message.contains("InvalidReplicationFactor");
    let failure = Failure::from(error).during(&change.topic);
    match too_few {
        true => {
            failure.next("the cluster has fewer brokers than replicas are wanted: use --replication 1 on a single one")
        }
        false => failure,
    }
}

pub fn one(change: &Change, admin: &dyn Admin) -> Result<(), BrokerError> {
    match &change.action {
        Action::Create { partitions, replication, config } => admin.create(&[TopicToCreate {
            name: change.topic.clone(),
            partitions: *partitions,
            replication: Some(*replication),
            config: config.clone(),
        }]),
        Action::Configure { set } => {
            let config = set.iter().map(|(name, setting)| (name.clone(), setting.to.clone())).collect();
            admin.configure(&change.topic, &config)
        }
    }
}
