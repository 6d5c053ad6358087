"""The time in time zones, and conversions between them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from wasmcp.guest import Field, ToolError, tool

Zone = Annotated[str, Field(description="IANA name of a time zone, such as Europe/Rome")]


@dataclass
class Moment:
    """A moment in a time zone."""

    timezone: str
    datetime: str
    day_of_week: str
    is_dst: bool

    @classmethod
    def of(cls, zone: str, moment: datetime) -> "Moment":
        """Return a moment in the form for clients."""
        return cls(zone, moment.isoformat(timespec="seconds"), f"{moment:%A}", bool(moment.dst()))


@dataclass
class Conversion:
    """A moment in two time zones."""

    source: Moment
    target: Moment
    time_difference: str


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its name."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise ToolError(f"Invalid timezone: {error}") from None


@tool(read_only=True, idempotent=True, open_world=False)
def get_current_time(timezone: Zone) -> Moment:
    """Get current time in a specific timezone."""
    return Moment.of(timezone, datetime.now(zone_of(timezone)))


@tool(read_only=True, idempotent=True, open_world=False)
def convert_time(
    source_timezone: Zone,
    time: Annotated[str, Field(description="Time as HH:MM, 24 hours")],
    target_timezone: Zone,
) -> Conversion:
    """Convert time between timezones."""
    here, there = zone_of(source_timezone), zone_of(target_timezone)
    try:
        parsed = datetime.strptime(time, "%H:%M").time()  # noqa: DTZ007 - a time of day
    except ValueError:
        raise ToolError("Invalid time format. Expected HH:MM [24-hour format]") from None
    source = datetime.combine(datetime.now(here), parsed, here)
    if source.astimezone(UTC).astimezone(here).time() != parsed:
        raise ToolError(f"Invalid time: {time} does not exist in {source_timezone} on {source:%Y-%m-%d}")
    target = source.astimezone(there)
    hours = ((target.utcoffset() or timedelta()) - (source.utcoffset() or timedelta())) / timedelta(hours=1)
    difference = f"{hours:+.1f}h" if hours.is_integer() else f"{hours:+.2f}".rstrip("0") + "h"
    return Conversion(Moment.of(source_timezone, source), Moment.of(target_timezone, target), difference)
