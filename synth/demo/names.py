"""Common names and streets, the most common first; people get the first ones more often."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FEMALE = _words(
    """Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Sarah Karen Lisa Nancy Betty Sandra
    Margaret Ashley Kimberly Emily Donna Michelle Carol Amanda Melissa Deborah Stephanie Rebecca Sharon Laura
    Cynthia Dorothy Amy Kathleen Angela Shirley Emma Brenda Pamela Nicole Anna Samantha Katherine Christine
    Debra Rachel Olivia Carolyn Janet Maria Catherine Heather Diane Grace Julia Zoë Renée Chloé"""
)
FEMALE_SPANISH = _words(
    """María Guadalupe Juana Ana Sofía Lucía Carmen Rosa Isabel Valentina Camila Gabriela Mónica Teresa
    Inés Verónica Adriana Esperanza Pilar Ximena"""
)
MALE = _words(
    """James Robert John Michael David William Richard Joseph Thomas Christopher Charles Daniel Matthew
    Anthony Mark Donald Steven Andrew Paul Joshua Kenneth Kevin Brian Timothy Ronald George Jason Edward
    Jeffrey Ryan Jacob Nicholas Gary Eric Jonathan Stephen Larry Justin Scott Brandon Benjamin Samuel Gregory
    Alexander Patrick Frank Raymond Jack Dennis Jerry Tyler Aaron Henry Peter Noël Jürgen André"""
)
MALE_SPANISH = _words(
    """José Juan Luis Carlos Jesús Miguel Jorge Francisco Pedro Alejandro Ramón Andrés Diego Ángel
    Fernando Raúl Héctor Martín Joaquín Iñaki"""
)
LAST = _words(
    """Smith Johnson Williams Brown Jones Miller Davis Wilson Anderson Thomas Taylor Moore Jackson Martin Lee
    Thompson White Harris Clark Lewis Robinson Walker Young Allen King Wright Scott Hill Green Adams Nelson
    Baker Hall Campbell Mitchell Carter Roberts Phillips Evans Turner Parker Collins Edwards Stewart Morris
    Murphy Cook Rogers Morgan Cooper Peterson Reed Bailey Bell Kelly Howard Ward Cox Richardson Wood Watson
    Brooks Bennett Gray Hughes Price Sullivan O'Brien O'Connor McCarthy Müller Åberg Søndergaard"""
)
LAST_SPANISH = _words(
    """García Rodríguez Martínez Hernández López González Pérez Sánchez Ramírez Torres Flores Rivera Gómez
    Díaz Reyes Cruz Morales Ortiz Gutiérrez Chávez Ramos Ruiz Mendoza Álvarez Jiménez Castillo Muñoz Núñez
    Peña Ibáñez"""
)
LAST_ASIAN = _words(
    """Nguyen Kim Patel Chen Wang Tran Li Liu Singh Wong Park Yang Lin Huang Pham Shah Khan Wu Zhang Chang
    Le Choi Gupta Sharma Tanaka Sato Yamamoto"""
)
STREETS = _words(
    """Oak Maple Main Park Cedar Elm Washington Lake Hill Walnut Spring North Ridge Church Willow Mill Sunset
    Railroad Jefferson Lincoln River Chestnut Spruce Highland Franklin Forest Jackson Meadow Pleasant Summer
    Winter Prospect Cherry Dogwood Hickory Orchard Madison Birch Valley Liberty"""
)
STREET_KINDS = ("Street", "Avenue", "Road", "Drive", "Lane", "Court", "Way", "Terrace", "Crossing", "Mews")
ABROAD_SPANISH = (
    "Santo Domingo  National District  DO",
    "San Juan  San Juan  PR",
    "Guadalajara  Jalisco  MX",
    "San Salvador  San Salvador  SV",
    "Bogotá  Distrito Capital  CO",
)
ABROAD_ASIAN = (
    "Guangzhou  Guangdong  CN",
    "Mumbai  Maharashtra  IN",
    "Hanoi  Hanoi  VN",
    "Seoul  Seoul  KR",
)
ABROAD = (
    "Lisbon  Estremadura  PT",
    "Port-au-Prince  Ouest  HT",
    "Dublin  Leinster  IE",
    "Praia  Santiago  CV",
    "Marigot  Saint Andrew Parish  DM",
)
