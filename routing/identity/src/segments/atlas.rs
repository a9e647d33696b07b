//! Both tables in force, and the names that places have in the whole process.

use std::fmt;
use std::sync::Arc;

use veilgate_names::{Gazetteer, Place};

use super::{Portability, Segments, TableProblem, add_names};
use crate::resolve::Identity;
use crate::subscriber::Msisdn;
use crate::vault::NumberHash;

/// What look-ups see of the tables: replaced as a whole, so that nobody sees one half.
#[derive(Default)]
pub(crate) struct Atlas {
    gazetteer: Arc<Gazetteer>,
    segments: Arc<Segments>,
    /// The homes of the segments, by the common names.
    homes: Box<[Place]>,
    portability: Arc<Portability>,
    /// The operators of the portability table, by the common names.
    operators: Box<[u8]>,
}

impl Identity {
    /// Makes a table ready to be stored and put in force: names that are known already stay known.
    ///
    /// # Errors
    /// [`TableProblem::TooMany`] if there is no room for its names.
    pub fn prepare_segments(&self, segments: Segments) -> Result<Segments, TableProblem> {
        let segments = segments.keeping_names_of(&self.segments())?;
        room_for(&self.gazetteer(), segments.names())?;
        Ok(segments)
    }

    /// The same with the portability table.
    ///
    /// # Errors
    /// As [`Self::prepare_segments`].
    pub fn prepare_portability(&self, portability: Portability) -> Result<Portability, TableProblem> {
        let portability = portability.keeping_names_of(&self.portability())?;
        room_for(&self.gazetteer(), portability.names())?;
        Ok(portability)
    }
}

fn room_for(known: &Gazetteer, names: &Gazetteer) -> Result<(), TableProblem> {
    add_names(&mut known.clone(), names).ok_or(TableProblem::TooMany)
}

impl Atlas {
    pub(crate) fn with_segments(&self, segments: Segments) -> Result<Self, TableProblem> {
        let mut gazetteer = Gazetteer::clone(&self.gazetteer);
        add_names(&mut gazetteer, &segments.names).ok_or(TableProblem::TooMany)?;
        let names = &segments.names;
        let common =
            |home: &Place| gazetteer.add(names.province(*home), names.city(*home), names.operator(*home));
        let homes: Option<_> = segments.homes.iter().map(common).collect();
        Ok(Self {
            homes: homes.ok_or(TableProblem::TooMany)?,
            gazetteer: Arc::new(gazetteer),
            segments: Arc::new(segments),
            portability: Arc::clone(&self.portability),
            operators: self.operators.clone(),
        })
    }

    pub(crate) fn with_portability(&self, portability: Portability) -> Result<Self, TableProblem> {
        let mut gazetteer = Gazetteer::clone(&self.gazetteer);
        let names = portability.names();
        let operators: Option<_> = names.operators().map(|name| gazetteer.add_operator(name)).collect();
        Ok(Self {
            operators: operators.ok_or(TableProblem::TooMany)?,
            gazetteer: Arc::new(gazetteer),
            portability: Arc::new(portability),
            segments: Arc::clone(&self.segments),
            homes: self.homes.clone(),
        })
    }

    /// Where a number is at home. One that was ported has another operator there.
    pub(crate) fn place(&self, number: &Msisdn, hash: &NumberHash) -> Option<Place> {
        let place = self.homes.get(self.segments.home(number.segment()?)?).copied()?;
        let ported = || self.operators.get(self.portability.find(hash)?).copied();
        Some(Place { operator: ported().unwrap_or(place.operator), ..place })
    }

    pub(crate) fn segments(&self) -> Arc<Segments> {
        Arc::clone(&self.segments)
    }

    pub(crate) fn portability(&self) -> Arc<Portability> {
        Arc::clone(&self.portability)
    }

    pub(crate) fn gazetteer(&self) -> Arc<Gazetteer> {
        Arc::clone(&self.gazetteer)
    }
}

impl fmt::Debug for Atlas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Atlas({:?}, {:?})", self.segments, self.portability)
    }
}
