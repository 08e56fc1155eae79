"""One validation of PyJWT with a key that was read before: for each number on a line, so many validations of the
same token, answered by the nanoseconds of processor time that they took."""

import json
import sys
from time import process_time_ns

import jwt

FIXTURE = json.loads(sys.argv[1])
TOKEN = FIXTURE["token"]
ALGORITHMS = [FIXTURE["jwk"]["alg"]]
KEY = jwt.PyJWK(FIXTURE["jwk"]).key

for line in sys.stdin:
    begin = process_time_ns()
    for _ in range(int(line)):
        jwt.decode(TOKEN, KEY, algorithms=ALGORITHMS, audience=FIXTURE["audience"], issuer=FIXTURE["issuer"])
    print(process_time_ns() - begin, flush=True)
