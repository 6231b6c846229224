/**
 * mongo-java-server on a file of H2's MVStore, made to keep what MongoDB promises for one document with j:true: a command
 * takes effect whole, alone, and on the disk before it is answered. Run unbuilt: java -cp JARS MongoOnDisk.java FILE PORT.
 */
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.util.List;
import org.h2.mvstore.MVStore;

public class MongoOnDisk extends H2Backend {
  private final boolean durable;

  private MongoOnDisk(MVStore store, boolean durable) {
    super(store);
    this.durable = durable;
  }

  /** One command at a time: a commit of the store in the middle of another command would keep half of that one. */
  @Override
  public synchronized Document handleMessage(MongoMessage message) {
    try {
      return super.handleMessage(message);
    } finally {
      if (getMvStore().hasUnsavedChanges()) {
        commit();
        if (durable) getMvStore().sync();
      }
    }
  }

  public static void main(String[] args) {
    MVStore store = new MVStore.Builder().fileName(args[0]).autoCommitDisabled().open();
    // What it keeps does not live long, so the space of old versions is used again at once.
    store.setRetentionTime(0);
    MongoOnDisk backend = new MongoOnDisk(store, args[2].equals("durable"));
    // Its newest name for itself is one wire version below what today's drivers take; it answers what 4.4 would here.
    backend.version(new MongoVersion() {
      @Override
      public List<Integer> getVersionArray() {
        return List.of(4, 4, 0);
      }

      @Override
      public int getWireVersion() {
        return 9;
      }
    });
    MongoServer server = new MongoServer(backend);
    server.bind("127.0.0.1", Integer.parseInt(args[1]));
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
  }
}
