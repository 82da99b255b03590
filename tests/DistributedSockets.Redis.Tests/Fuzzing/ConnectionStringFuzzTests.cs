using System.Text;
using DistributedSockets.Fuzzing;

namespace DistributedSockets.Redis.Tests.Fuzzing;

public sealed class ConnectionStringFuzzTests
{
    /// <summary>What passes the check at start can be used, and what does not is named without being repeated: it may hold a password.</summary>
    [Fact]
    public void ConnectionString_AnyText_IsUsableOrRefusedWithoutBeingRepeated()
    {
        var validator = new RedisConnectionOptionsValidator<RedisBackplaneOptions>();
        Fuzz.Bytes(Corpus.Load("ConnectionStrings"), 20_000, 400, bytes =>
        {
            var options = new RedisBackplaneOptions { ConnectionString = Encoding.UTF8.GetString(bytes) };
            var result = validator.Validate(null, options);
            if (result.Failed)
            {
                Assert.DoesNotContain("SECRET", result.FailureMessage);
            }
            else
            {
                Assert.True(new RedisConnection(options, TimeProvider.System).IsOwned);
            }
        });
    }
}
