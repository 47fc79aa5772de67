"""Faults of the machine, told in one line: no space, no permission, no Java, a JVM that died."""

import errno

_OF_THE_SYSTEM = {
    errno.ENOSPC: "no space is left",
    errno.EDQUOT: "the quota is used up",
    errno.EFBIG: "a file would be larger than it may be",
    errno.EACCES: "permission was denied",
    errno.EPERM: "permission was denied",
    errno.EROFS: "the file system is read-only",
    errno.EIO: "the disk could not be read or written",
    errno.EMFILE: "too many files are open",
}
_OF_JAVA = {
    "No space left on device": "no space is left",
    "Disk quota exceeded": "the quota is used up",
    "File too large": "a file would be larger than it may be",
    "Permission denied": "permission was denied",
    "Read-only file system": "the file system is read-only",
    "java.lang.OutOfMemoryError": "Spark has too little memory; raise spark.conf: {spark.driver.memory: ...}",
    "JAVA_GATEWAY_EXITED": "Java could not be started; install Java 17 or 21 and set JAVA_HOME",
    "JAVA_HOME is not set": "Java could not be started; install Java 17 or 21 and set JAVA_HOME",
}
_JVM_DIED = ("Py4JNetworkError", "ConnectionRefusedError", "Py4JError: Answer from Java side is empty")


def machine_fault(error: BaseException) -> str | None:
    """What the machine failed at, in one line without any cell value; None if it is another fault.

    What an error came of counts as well. The same run goes on when the fault is mended.
    """
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        if (told := _told(link)) is not None:
            return f"{told}; mend it and run the same again: what was paid for is kept"
        link = link.__cause__ or link.__context__
    return None


def _told(error: BaseException) -> str | None:
    kind = type(error)
    if isinstance(error, OSError) and error.errno in _OF_THE_SYSTEM:
        where = f" for {error.filename}" if error.filename else ""
        return f"{_OF_THE_SYSTEM[error.errno]}{where}"
    if kind.__module__.startswith(("py4j", "pyspark")) or isinstance(error, FileNotFoundError):
        text = str(error)
        for mark, words in _OF_JAVA.items():
            if mark in text:
                return words
        if isinstance(error, FileNotFoundError) and str(error.filename).endswith("java"):
            return _OF_JAVA["JAVA_GATEWAY_EXITED"]
    if f"{kind.__name__}: {error}".startswith(_JVM_DIED):
        return "Spark's Java process is gone; see whether it was killed for its memory"
    return None
