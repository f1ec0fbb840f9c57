"""Private database and Redis servers: in temporary folders, on free ports, ended by process id."""

from tests.support.servers.lying_redis import LyingRedis
from tests.support.servers.mariadb import MariadbServer
from tests.support.servers.pgbouncer import PgbouncerServer
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.process import ServerMissingError, ServerProcess, ServerStartError
from tests.support.servers.redis import RedisServer
from tests.support.servers.redis_cluster import RedisCluster
from tests.support.servers.redis_sentinel import RedisSentinel
from tests.support.servers.requirement import required
from tests.support.servers.tls import Certificate

__all__ = [
    "Certificate",
    "LyingRedis",
    "MariadbServer",
    "PgbouncerServer",
    "PostgresServer",
    "RedisCluster",
    "RedisSentinel",
    "RedisServer",
    "ServerMissingError",
    "ServerProcess",
    "ServerStartError",
    "required",
]
