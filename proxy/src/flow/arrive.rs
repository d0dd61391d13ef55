//! Somebody without a good pass comes to a room: what the agent says of them, as what this edge will say. A newcomer
//! may be asked for a price first.

use stanchion_admission::edge::agent::{Arrival, Refusal, Rejoin, Seen};
use stanchion_admission::ids::Place;

use super::sites::Site;
use super::speak::Waits;
use super::{Decided, Entry, LineGate, Tell, country};
use crate::edge::gate::Asked;
use crate::pages::view::Notice;

impl LineGate {
    pub(super) async fn arrive(
        &self,
        site: &Site,
        place: Option<Place>,
        seen: Option<Seen>,
        notice: Option<Notice>,
        asked: &Asked<'_>,
    ) -> Decided {
        if place.is_none()
            && let Some(asks) = self.asks(site, asked).await
        {
            return Decided::Asked(asks);
        }
        let arrival = self.agent.arrive(&site.name, place, seen).await;
        match &arrival {
            // Whose place is over is a newcomer: what was made for them is kept only if they have paid.
            Arrival::Rejoined { .. } => {
                if let Some(asks) = self.asks(site, asked).await {
                    return Decided::Asked(asks);
                }
                self.note_place(site, asked);
            }
            Arrival::Waiting { fresh: true, .. } => self.note_place(site, asked),
            Arrival::Inside(_) if place.is_none() => self.note_place(site, asked),
            _ => {}
        }
        self.arrived(site, place, notice, arrival, asked)
    }

    fn arrived(
        &self,
        site: &Site,
        place: Option<Place>,
        notice: Option<Notice>,
        arrival: Arrival,
        asked: &Asked<'_>,
    ) -> Decided {
        match arrival {
            Arrival::Inside(session) => match self.sign(site, &session, asked) {
                Ok(token) => {
                    self.note_admission(site, &session, asked);
                    let holds_it = place.is_some_and(|place| place.visitor == session.place.visitor);
                    let tell = if holds_it { Tell::Pass } else { Tell::PassAndTicket };
                    Decided::Inside(Entry { session, token, tell })
                }
                Err(problem) => {
                    tracing::error!(room = %site.name, %problem, "a pass could not be signed");
                    Decided::Waits(Waits::Unable)
                }
            },
            Arrival::Waiting {
                place,
                fresh: false,
                facts,
            } => Decided::Waits(Waits::Known { place, facts, notice }),
            Arrival::Waiting {
                place,
                fresh: true,
                facts,
            } => {
                let from = self.places.whereabouts(asked.client);
                self.metrics.ticket_issued(site.name.as_str(), country(&from));
                let binding = self.binding(site, asked);
                Decided::Waits(Waits::New {
                    place,
                    binding,
                    facts,
                    notice,
                })
            }
            Arrival::Rejoined { place, why, facts } => {
                let binding = self.binding(site, asked);
                let notice = match why {
                    Rejoin::Lapsed => Notice::PlaceLapsed,
                    Rejoin::SessionEnded | Rejoin::Revoked => Notice::SessionEnded,
                };
                Decided::Waits(Waits::New {
                    place,
                    binding,
                    facts,
                    notice: Some(notice),
                })
            }
            Arrival::Refused { why, retry_after } => {
                let closed = !matches!(why, Refusal::LineFull);
                Decided::Waits(Waits::Refused { closed, retry_after })
            }
        }
    }
}
