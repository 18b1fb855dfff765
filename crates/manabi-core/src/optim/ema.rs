//! Exponential moving average of a student's parameters: the teacher of BYOL, MoCo and DINO.
//!
//! `teacher ← m · teacher + (1 - m) · student` for what is trained; buffers (running
//! statistics) are copied. `m` climbs along half a cosine to 1 (BYOL, arXiv:2006.07733,
//! eq. 3: `m = 1 - (1 - m₀)(cos(πk/K) + 1)/2`). Cost: one pass over the parameters, or none where the optimiser's
//! step takes the teacher along ([`Followers`]).

use std::collections::BTreeMap;

use candle_core::Var;

use super::{schedule, step};
use crate::{
    Error, Result,
    nn::{Params, Role},
};

/// The momentum at `progress` (0 to 1) of a run that starts at `base`.
pub fn momentum(base: f64, progress: f64) -> f64 {
    const PARTS: u64 = 1 << 32;
    schedule::cosine(base, 1.0, (progress.clamp(0.0, 1.0) * PARTS as f64) as u64, PARTS)
}

/// A store whose trained tensors follow another store's.
#[derive(Clone)]
pub struct Follower {
    /// The store that follows.
    pub params: Params,
    /// What it follows: the student's store, at the part that holds the same tensors.
    pub student: Params,
    /// The share of the old value that stays.
    pub momentum: f64,
}

/// Tensors that follow a student's, by the student's names: the optimiser moves them in its own pass
/// ([`super::Optimizer::step_with`]).
#[derive(Default)]
pub struct Followers {
    trained: BTreeMap<String, (Var, f64)>,
    buffers: Vec<(Var, Var)>,
}

impl Followers {
    /// Each pair of stores must hold the same tensors in the same name order (the same encoder factory makes them so),
    /// and no tensor can have two followers.
    pub fn new(list: &[Follower]) -> Result<Self> {
        let mut followers = Self::default();
        for Follower { params, student, momentum } in list {
            for (name, target, source, role) in pairs(params, student)? {
                if role == Role::Buffer {
                    followers.buffers.push((target, source));
                } else if followers.trained.insert(name.clone(), (target, *momentum)).is_some() {
                    return Err(Error::config(format!("two tensors follow the student's {name}; one is possible")));
                }
            }
        }
        Ok(followers)
    }

    /// What follows the student's tensor `name`, and the momentum.
    pub fn get(&self, name: &str) -> Option<(&Var, f64)> {
        self.trained.get(name).map(|(var, momentum)| (var, *momentum))
    }

    /// Copies the buffers, which the optimiser does not see.
    pub fn copy_buffers(&self) -> Result<()> {
        self.buffers.iter().try_for_each(|(target, source)| Ok(target.set(&source.as_tensor().detach())?))
    }
}

/// Moves every trained tensor of `teacher` towards `student`'s and copies the buffers.
///
/// Both stores must hold the same tensors in the same name order; anything else is an error and changes nothing.
pub fn update(teacher: &Params, student: &Params, momentum: f64) -> Result<()> {
    for (_, target, source, role) in pairs(teacher, student)? {
        match role {
            Role::Buffer => target.set(&source.as_tensor().detach())?,
            _ => step::ema_update(&target, &source.as_tensor().detach(), momentum)?,
        }
    }
    Ok(())
}

/// The student's names, the teacher's tensors and the student's, and what they are for.
fn pairs(teacher: &Params, student: &Params) -> Result<Vec<(String, Var, Var, Role)>> {
    let (to, from) = (teacher.named(), student.named());
    if to.len() != from.len() {
        return Err(Error::config(format!(
            "a teacher of {} tensors cannot follow a student of {}",
            to.len(),
            from.len()
        )));
    }
    let both = to.into_iter().zip(from);
    both.map(|((t_name, t, t_role), (s_name, s, s_role))| {
        let last = |name: &str| name.rsplit('.').next().map(str::to_string);
        if t.shape() != s.shape() || t_role != s_role || last(&t_name) != last(&s_name) {
            return Err(Error::config(format!(
                "teacher's {t_name} {:?} does not match student's {s_name} {:?}",
                t.shape(),
                s.shape()
            )));
        }
        Ok((s_name, t, s, s_role))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::nn::Init;

    fn store(value: f32, prefix: &str) -> Params {
        let params = Params::new(0, &Device::Cpu);
        let part = if prefix.is_empty() { params } else { params.pp(prefix) };
        part.get("bias", 1, Init::Constant(value), Role::NoDecay).unwrap();
        part.get("running_mean", 1, Init::Constant(value), Role::Buffer).unwrap();
        part.get("weight", (1, 1), Init::Constant(value), Role::Weight).unwrap();
        part
    }

    fn values(params: &Params) -> Vec<f32> {
        params.named().iter().map(|(_, v, _)| v.flatten_all().unwrap().to_vec1::<f32>().unwrap()[0]).collect()
    }

    #[test]
    fn the_teacher_moves_a_part_of_the_way_and_copies_buffers() {
        let (teacher, student) = (store(1.0, ""), store(3.0, "encoder"));
        update(&teacher, &student, 0.75).unwrap();
        assert_eq!(values(&teacher), [1.5, 3.0, 1.5]);
        assert_eq!(values(&student), [3.0, 3.0, 3.0]);
    }

    #[test]
    fn followers_are_found_by_the_students_names_and_buffers_copied() {
        let (teacher, student) = (store(1.0, ""), store(3.0, "encoder"));
        let follower = Follower { params: teacher.clone(), student, momentum: 0.75 };
        let followers = Followers::new(std::slice::from_ref(&follower)).unwrap();
        assert_eq!(followers.get("encoder.weight").unwrap().1, 0.75);
        assert!(followers.get("encoder.running_mean").is_none() && followers.get("weight").is_none());
        followers.copy_buffers().unwrap();
        assert_eq!(values(&teacher), [1.0, 3.0, 1.0]);
        let message = Followers::new(&[follower.clone(), follower]).err().unwrap().to_string();
        assert!(message.contains("encoder.bias"), "{message}");
    }

    #[test]
    fn momentum_climbs_from_its_base_to_one() {
        assert_eq!(momentum(0.996, 0.0), 0.996);
        assert!((momentum(0.996, 0.5) - 0.998).abs() < 1e-9);
        assert_eq!(momentum(0.996, 1.0), 1.0);
    }

    #[test]
    fn a_teacher_of_another_shape_is_refused_unchanged() {
        let teacher = store(1.0, "");
        let student = Params::new(0, &Device::Cpu);
        student.get("bias", 2, Init::Constant(5.0), Role::NoDecay).unwrap();
        assert!(update(&teacher, &student, 0.5).unwrap_err().to_string().contains("3 tensors"));
        assert_eq!(values(&teacher), [1.0, 1.0, 1.0]);
    }
}
