"""Where tables and artifacts lie: the Spark session, tables of any format, and the run's folder."""
