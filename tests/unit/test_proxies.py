"""The proxies of the environment are read as `requests` reads them, with which Cloud Storage is called."""

import os

import pytest
from requests.utils import get_environ_proxies, select_proxy

from infra.paid.proxies import Proxies

URLS = [
    "https://aiplatform.googleapis.com/",
    "https://us-central1-aiplatform.googleapis.com/v1",
    "https://models.example.com:8443/",
    "http://models.example.com/",
    "http://10.1.2.3:8080/",
    "https://192.168.7.9/",
    "https://[2001:db8::1]/",
]
PROXY = "http://proxy.example.com:3128"
ENVIRONMENTS = [
    {},
    {"HTTPS_PROXY": PROXY},
    {"https_proxy": PROXY, "HTTP_PROXY": "http://other:1"},
    {"ALL_PROXY": PROXY},
    {"ALL_PROXY": PROXY, "HTTPS_PROXY": "http://other:1", "NO_PROXY": ""},
    {"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY, "NO_PROXY": "*"},
    {"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY, "NO_PROXY": "googleapis.com, 10.0.0.0/8"},
    {"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY, "NO_PROXY": ".googleapis.com,192.168.7.9"},
    {"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY, "no_proxy": "models.example.com:8443,192.168.0.0/16"},
    {"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY, "NO_PROXY": "ample.com,not a name,,300.1.2.3/8"},
]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_proxy_is_chosen_as_requests_does(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    proxies = Proxies()
    for url in URLS:
        scheme, _, rest = url.partition("://")
        expected = select_proxy(url, get_environ_proxies(url)) or None
        assert proxies.proxy_for(scheme, rest.partition("/")[0]) == expected, url
