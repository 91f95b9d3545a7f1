//! Topic files, compiled in or from a folder, with what a small cluster needs changed.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::messages::schemas::Schemas;
use crate::pipeline::topic_files::{self, TopicSpec};
use crate::pipeline::topics;
use crate::pipeline::topology::topology;

#[derive(clap::Args, Debug)]
pub struct Source {
    /// Read topic files from this folder instead of those compiled in
    #[arg(long, value_name = "FOLDER")]
    topics_dir: Option<PathBuf>,
    /// Replicas of every topic instead of what the files say, for small clusters
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=9))]
    pub replication: Option<i32>,
    /// Partitions of every topic but those of views instead of what the files say, for small clusters
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=1000))]
    partitions: Option<i32>,
}

impl Source {
    /// The topics, each valid by itself and all of them fit for the topology.
    pub fn read(&self) -> Result<Vec<TopicSpec>, Failure> {
        let mut specs = match &self.topics_dir {
            None => topic_files::embedded(),
            Some(folder) => topics::all().map(|name| read(folder, name)).collect::<Result<_, _>>()?,
        };
        for spec in &mut specs {
            spec.replication = self.replication.unwrap_or(spec.replication);
            // Its offsets order all of it, so that a snapshot is one number.
            if !spec.in_one_partition() {
                spec.partitions = self.partitions.unwrap_or(spec.partitions);
            }
        }
        match uneven(&specs) {
            Some(problem) => Err(Failure::new(Exit::Precondition, problem)),
            None => Ok(specs),
        }
    }
}

fn read(folder: &std::path::Path, name: &str) -> Result<TopicSpec, Failure> {
    let path = folder.join(format!("{name}.toml"));
    let text = fs::read_to_string(&path).map_err(|error| Failure::from(error).during(path.display().to_string()))?;
    TopicSpec::parse(name, &text).map_err(|error| Failure::new(Exit::Precondition, error.to_string()))
}

/// Topics that one task reads and keeps together must have the same number of partitions.
fn uneven(specs: &[TopicSpec]) -> Option<String> {
    let partitions = |topic| specs.iter().find(|spec| spec.name == topic).map(|spec| spec.partitions);
    for stage in topology(Arc::new(Schemas::embedded())).stages {
        let wanted = partitions(stage.lead);
        for &topic in stage.companions.iter().chain(&stage.state) {
            if partitions(topic) != wanted {
                let (found, wanted) = (partitions(topic).unwrap_or(0), wanted.unwrap_or(0));
                return Some(format!(
                    "{topic} has {found} partitions, but {} of stage {} has {wanted}: one task needs both, \
                     so they must have the same number",
                    stage.lead, stage.name
                ));
            }
        }
    }
    None
}
