"""The weather of a service that needs a key."""

from dataclasses import dataclass
from urllib.parse import quote

from wasmcp.guest import ToolError, config, http, tool


@dataclass
class Weather:
    """The weather in a city."""

    city: str
    celsius: float
    summary: str


@tool(read_only=True, open_world=True)
def current_weather(city: str) -> Weather:
    """Return the weather in a city."""
    response = http.get(
        f"{config.get('WEATHER_URL')}/weather?city={quote(city)}",
        headers={"authorization": f"Bearer {config.get('API_KEY')}"},
        timeout=10,
    )
    if response.status == 404:
        raise ToolError(f"no weather is known for `{city}`")
    if response.status != 200:
        raise ToolError(f"the weather service answers with status {response.status}")
    found = response.json()
    return Weather(city, found["temperature"], found["summary"])
