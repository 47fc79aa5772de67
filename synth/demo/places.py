"""Where the demo's people live: real cities of six US states, roughly placed, unevenly filled."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class State:
    """A state as the demo needs it.

    Attributes:
      share: of all rows; the shares of all states sum to 1.
      races: shares of white, black, asian, native, other; they sum to 1.
      hispanic: share of hispanic people in a city that is like the state.
      uninsured: share of adults below 65 without insurance.
      expenses: factor on the costs of care.
    """

    name: str
    share: float
    races: tuple[float, float, float, float, float]
    hispanic: float
    uninsured: float
    expenses: float


@dataclass(frozen=True, kw_only=True)
class City:
    """A city: `share` is of its state, `hispanic` a factor on the odds of the state."""

    name: str
    county: str
    state: str
    zip_prefix: str
    latitude: float
    longitude: float
    share: float
    hispanic: float = 1.0


STATES = (
    State(
        name="Massachusetts",
        share=0.50,
        races=(0.79, 0.09, 0.09, 0.01, 0.02),
        hispanic=0.10,
        uninsured=0.04,
        expenses=1.15,
    ),
    State(
        name="Texas",
        share=0.19,
        races=(0.74, 0.13, 0.06, 0.02, 0.05),
        hispanic=0.42,
        uninsured=0.24,
        expenses=0.90,
    ),
    State(
        name="California",
        share=0.14,
        races=(0.62, 0.07, 0.19, 0.03, 0.09),
        hispanic=0.40,
        uninsured=0.10,
        expenses=1.05,
    ),
    State(
        name="New York",
        share=0.09,
        races=(0.66, 0.19, 0.11, 0.01, 0.03),
        hispanic=0.20,
        uninsured=0.07,
        expenses=1.20,
    ),
    State(
        name="Georgia",
        share=0.055,
        races=(0.57, 0.36, 0.05, 0.01, 0.01),
        hispanic=0.09,
        uninsured=0.18,
        expenses=0.85,
    ),
    State(
        name="Vermont",
        share=0.025,
        races=(0.95, 0.02, 0.02, 0.005, 0.005),
        hispanic=0.02,
        uninsured=0.05,
        expenses=1.00,
    ),
)


def _city(
    name: str,
    county: str,
    state: str,
    zip_prefix: str,
    place: tuple[float, float],
    share: float,
    odds: float = 1,
) -> City:
    return City(
        name=name,
        county=f"{county} County",
        state=state,
        zip_prefix=zip_prefix,
        latitude=place[0],
        longitude=place[1],
        share=share,
        hispanic=odds,
    )


CITIES = (
    _city("Boston", "Suffolk", "Massachusetts", "021", (42.36, -71.06), 0.34, 1.6),
    _city("Worcester", "Worcester", "Massachusetts", "016", (42.26, -71.80), 0.13, 1.7),
    _city("Springfield", "Hampden", "Massachusetts", "011", (42.10, -72.59), 0.10, 4.0),
    _city("Cambridge", "Middlesex", "Massachusetts", "021", (42.37, -71.11), 0.10, 0.9),
    _city("Lowell", "Middlesex", "Massachusetts", "018", (42.64, -71.32), 0.08, 1.6),
    _city("Quincy", "Norfolk", "Massachusetts", "021", (42.25, -71.00), 0.07, 0.4),
    _city("New Bedford", "Bristol", "Massachusetts", "027", (41.64, -70.93), 0.06, 2.0),
    _city("Fall River", "Bristol", "Massachusetts", "027", (41.70, -71.16), 0.05, 1.0),
    _city("Plymouth", "Plymouth", "Massachusetts", "023", (41.96, -70.67), 0.04, 0.3),
    _city("Pittsfield", "Berkshire", "Massachusetts", "012", (42.45, -73.25), 0.02, 0.6),
    _city("Nantucket", "Nantucket", "Massachusetts", "025", (41.28, -70.10), 0.01, 1.3),
    _city("Houston", "Harris", "Texas", "770", (29.76, -95.37), 0.40, 1.1),
    _city("San Antonio", "Bexar", "Texas", "782", (29.42, -98.49), 0.24, 2.4),
    _city("Dallas", "Dallas", "Texas", "752", (32.78, -96.80), 0.20, 1.0),
    _city("El Paso", "El Paso", "Texas", "799", (31.76, -106.49), 0.10, 6.0),
    _city("Lubbock", "Lubbock", "Texas", "794", (33.58, -101.86), 0.06, 0.8),
    _city("Los Angeles", "Los Angeles", "California", "900", (34.05, -118.24), 0.48, 1.4),
    _city("San Diego", "San Diego", "California", "921", (32.72, -117.16), 0.20, 0.7),
    _city("San Francisco", "San Francisco", "California", "941", (37.77, -122.42), 0.15, 0.3),
    _city("Fresno", "Fresno", "California", "937", (36.74, -119.79), 0.12, 1.6),
    _city("Eureka", "Humboldt", "California", "955", (40.80, -124.16), 0.05, 0.2),
    _city("New York", "New York", "New York", "100", (40.71, -74.01), 0.55, 1.4),
    _city("Buffalo", "Erie", "New York", "142", (42.89, -78.88), 0.20, 0.5),
    _city("Rochester", "Monroe", "New York", "146", (43.16, -77.61), 0.15, 0.9),
    _city("Albany", "Albany", "New York", "122", (42.65, -73.75), 0.10, 0.4),
    _city("Atlanta", "Fulton", "Georgia", "303", (33.75, -84.39), 0.60, 0.6),
    _city("Savannah", "Chatham", "Georgia", "314", (32.08, -81.09), 0.25, 0.8),
    _city("Dalton", "Whitfield", "Georgia", "307", (34.77, -84.97), 0.15, 9.0),
    _city("Burlington", "Chittenden", "Vermont", "054", (44.48, -73.21), 0.65, 1.3),
    _city("Rutland", "Rutland", "Vermont", "057", (43.61, -72.97), 0.35, 0.6),
)
